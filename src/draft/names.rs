//! Names made from names.

use crate::registry::compile::names::{MAX_TABLE, is_kind, is_safe};

/// A table's name: the kind's words in snake case, with the plural's ending.
pub fn table(kind: &str, plural: &str) -> String {
    let words = snake(kind);
    let joined = words.replace('_', "");
    let same = joined.bytes().zip(plural.bytes()).take_while(|(a, b)| a == b).count();
    let name = if same * 2 < joined.len() {
        plural.replace('-', "_")
    } else {
        let mut left = same;
        let head: String = words
            .chars()
            .take_while(|c| {
                let takes = left > 0;
                left -= usize::from(takes && *c != '_');
                takes
            })
            .collect();
        head + &plural[same..].replace('-', "_")
    };
    let name = shortened(&name);
    let taken = ["orloj_operator", "pg_", "sqlite_"].iter().any(|prefix| name.starts_with(prefix));
    if taken || name == "schema_migrations" { shortened(&format!("kind_{name}")) } else { name }
}

/// An SQL name without quotes: the name itself, where it is one.
pub fn identifier(name: &str) -> String {
    if is_safe(name) {
        return shortened(name);
    }
    let safe = snake(name);
    shortened(&if safe.starts_with(|c: char| c.is_ascii_digit()) { format!("_{safe}") } else { safe })
}

/// A kind's name: the name itself, where it is one, else its words in camel case.
pub fn kind(name: &str) -> String {
    if is_kind(name) {
        return name.to_owned();
    }
    let camel = camel(&snake(name));
    let letters = camel.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let mut chars = letters.chars();
    let found: String =
        chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).take(59).collect();
    if found.is_empty() { "Kind".to_owned() } else { found }
}

/// A plural made from a table's name.
pub fn label(name: &str) -> String {
    let found: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let found = found.trim_start_matches(|c: char| c.is_ascii_digit());
    if found.is_empty() { "kinds".to_owned() } else { found.chars().take(63).collect() }
}

pub fn shortened(name: &str) -> String {
    name.chars().filter(char::is_ascii).take(MAX_TABLE).collect()
}

/// `PriceList` and `priceList` to `price_list`, `HTTPRoute` to `http_route`.
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let starts_word = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || chars.get(at + 1).is_some_and(char::is_ascii_lowercase)
            });
        if starts_word && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }.to_lowercase());
    }
    out
}

/// `max_steps` and `maxSteps` to `maxSteps`.
pub fn camel(name: &str) -> String {
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut out, word| {
        let (head, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        out.push_str(&head.to_uppercase());
        out.push_str(rest);
        out
    })
}

/// `max_steps` and `maxSteps` to `Max steps`.
pub fn words(name: &str) -> String {
    let text = snake(name).replace('_', " ");
    let text = text.trim();
    let mut chars = text.chars();
    chars.next().map_or_else(|| "Field".to_owned(), |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

/// The plural that Kubernetes' tools would choose.
pub fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    if ["s", "x", "z", "ch", "sh"].iter().any(|end| lower.ends_with(end)) {
        return lower + "es";
    }
    match lower.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ => lower + "s",
    }
}

/// A sentence about a kind that has none.
pub fn sentence(kind: &str, group: &str) -> String {
    let name = words(kind).to_lowercase();
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "An" } else { "A" };
    format!("{article} {name} of {group}.")
}

/// Whether a path can lead through a field of this name.
pub fn in_paths(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_named_as_orlojd_names_its_own() {
        for (kind, plural, name) in [
            ("HttpGauge", "httpgauges", "http_gauges"),
            ("FanPolicy", "fanpolicies", "fan_policies"),
            ("HTTPRoute", "httproutes", "http_routes"),
            ("Person", "people", "people"),
            ("PgThing", "pgthings", "kind_pg_things"),
        ] {
            assert_eq!(table(kind, plural), name);
        }
        assert!(table(&"Long".repeat(14), &("long".repeat(14) + "s")).len() <= MAX_TABLE);
    }

    #[test]
    fn words_and_plurals_are_those_of_the_field() {
        assert_eq!(
            (plural("Policy"), plural("Gateway"), plural("Box")),
            ("policies".into(), "gateways".into(), "boxes".into())
        );
        assert_eq!((camel("max_steps"), camel("maxSteps")), ("maxSteps".into(), "maxSteps".into()));
        assert_eq!((words("secretRef"), words("max_steps")), ("Secret ref".into(), "Max steps".into()));
    }
}
