//! Names of fields as CEL rules write them (`Escape` and `Unescape` of `k8s.io/apiserver/pkg/cel`).

/// Words that CEL keeps for itself; a field of that name is `__name__` in a rule.
pub const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Whether a field of that name, which is escaped in the types of rules, is found by the name itself as well: the parser
/// takes all of these words after a point but `true`, `false`, `null` and `in`.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// A field's name in rules; `None` where they have none for it (`Escape` of `k8s.io/apiserver/pkg/cel`).
#[must_use]
pub fn field_name(name: &str) -> Option<String> {
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c)) {
        return None;
    }
    Some(escaped(name))
}

/// A name in the form that rules can write.
fn escaped(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    let name = name.replace("__", "\0").replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__");
    name.replace('\0', "__underscores__")
}

const ESCAPES: [(&str, &str); 4] = [("underscores", "__"), ("dot", "."), ("dash", "-"), ("slash", "/")];

/// A field's name as rules write it; `None` where that is the name itself, or there is none.
#[must_use]
pub fn escape(name: &str) -> Option<String> {
    let is_plain = !RESERVED.contains(&name) && !name.contains(['.', '-', '/']) && !name.contains("__");
    (!is_plain).then(|| escaped(name))
}

/// The name of the field that rules call so; `None` where none can be called so.
#[must_use]
pub fn unescape(name: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !name.contains("__") {
        return Some(name.into());
    }
    let mut plain = String::new();
    let mut rest = name;
    while let Some(at) = rest.find("__") {
        let inner = &rest[at + 2..];
        let length = inner.find('_').unwrap_or(inner.len());
        // two underscores, a word without any, and two underscores
        if length == 0 || !inner[length..].starts_with("__") {
            let (kept, later) = rest.split_at(at + 1);
            plain.push_str(kept);
            rest = later;
            continue;
        }
        let word = &inner[..length];
        plain.push_str(&rest[..at]);
        match ESCAPES.iter().find(|(name, _)| *name == word) {
            Some((_, escaped)) => plain.push_str(escaped),
            None if RESERVED.contains(&word) && length + 4 == name.len() => plain.push_str(word),
            None => return None,
        }
        rest = &inner[length + 2..];
    }
    plain.push_str(rest);
    Some(plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_back() {
        for (name, escaped) in [
            ("a-b", "a__dash__b"),
            ("a.b/c", "a__dot__b__slash__c"),
            ("a__b", "a__underscores__b"),
            ("in", "__in__"),
            ("a_b", "a_b"),
        ] {
            assert_eq!(escape(name).as_deref().unwrap_or(name), escaped);
            assert_eq!(unescape(escaped).as_deref(), Some(name));
        }
        assert_eq!(unescape("a__other__b"), None);
        assert_eq!(unescape("a__in__b"), None);
        assert_eq!(unescape("a__b").as_deref(), Some("a__b"));
    }
}
