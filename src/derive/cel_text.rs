//! CEL text of a formula, as a rule of the API server's.
//!
//! A rule must accept all that the formula accepts. Where CEL cannot say a test, or only at a cost that the API server
//! does not allow, a wider one takes its place.

use super::formula::{Atom, AtomTest, Formula, Many};
use super::pattern::form;
use crate::cel::names::escape;
use crate::derive::schema::{Schema, SchemaType};
use crate::go_compat::text;
use crate::normalize::Segment;

/// How much a rule may ask of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// All that CEL can say.
    Exact,
    /// Within lists and maps, strings are only compared.
    PlainItems,
    /// Strings are only compared.
    Plain,
}

/// A rule's text; `None` where it would accept everything.
pub(super) fn rule(accepts: &Formula, schema: &Schema, place: &[Segment], effort: Effort) -> Option<String> {
    let mut writer = RuleWriter { effort, values: vec![(place.to_vec(), "self".to_owned(), schema)] };
    let text = writer.formula(accepts, true).simplified(&mut Vec::new());
    match text {
        Text::Const(_) => None,
        text => Some(text.print(false)),
    }
}

/// A boolean expression.
#[derive(Clone, Debug)]
enum Text {
    Const(bool),
    /// The expression, and its opposite.
    Leaf(String, String),
    And(Vec<Text>),
    Or(Vec<Text>),
}

impl Text {
    fn leaf(yes: impl Into<String>, no: impl Into<String>) -> Self {
        Self::Leaf(yes.into(), no.into())
    }

    fn not(self) -> Self {
        match self {
            Self::Const(holds) => Self::Const(!holds),
            Self::Leaf(yes, no) => Self::Leaf(no, yes),
            Self::And(parts) => Self::Or(parts.into_iter().map(Self::not).collect()),
            Self::Or(parts) => Self::And(parts.into_iter().map(Self::not).collect()),
        }
    }

    /// Without what is known by then: expressions before it in a conjunction, and opposites in a disjunction.
    fn simplified(self, known: &mut Vec<String>) -> Self {
        let (parts, all) = match self {
            Self::Leaf(yes, _) if known.contains(&yes) => return Self::Const(true),
            Self::Leaf(_, no) if known.contains(&no) => return Self::Const(false),
            Self::And(parts) => (parts, true),
            Self::Or(parts) => (parts, false),
            other => return other,
        };
        let before = known.len();
        let mut kept = Vec::new();
        for part in parts {
            let inner = match part.simplified(known) {
                Self::Const(holds) if holds == all => continue,
                Self::Const(holds) => {
                    known.truncate(before);
                    return Self::Const(holds);
                }
                Self::And(inner) if all => inner,
                Self::Or(inner) if !all => inner,
                other => vec![other],
            };
            for one in &inner {
                if let Self::Leaf(yes, no) = one {
                    known.push(if all { yes.clone() } else { no.clone() });
                }
            }
            kept.extend(inner);
        }
        known.truncate(before);
        match kept.len() {
            0 => Self::Const(all),
            1 => kept.remove(0),
            _ if all => Self::And(kept),
            _ => Self::Or(kept),
        }
    }

    fn print(&self, within: bool) -> String {
        let (parts, word) = match self {
            Self::Const(holds) => return holds.to_string(),
            Self::Leaf(yes, _) => return yes.clone(),
            Self::And(parts) => (parts, " && "),
            Self::Or(parts) => (parts, " || "),
        };
        let text = parts.iter().map(|part| part.print(true)).collect::<Vec<_>>().join(word);
        if within { format!("({text})") } else { text }
    }
}

struct RuleWriter<'s> {
    effort: Effort,
    /// Values that have a name in the rule, the innermost last.
    values: Vec<(Vec<Segment>, String, &'s Schema)>,
}

/// A value that a path leads to.
struct Found<'s> {
    /// What must be there first.
    has: Vec<Text>,
    text: String,
    schema: &'s Schema,
    within: bool,
}

impl<'s> RuleWriter<'s> {
    /// `wide`: it may hold where the formula does not; else it may not hold where the formula does.
    fn formula(&mut self, formula: &Formula, wide: bool) -> Text {
        match formula {
            Formula::True => Text::Const(true),
            Formula::False => Text::Const(false),
            Formula::Unknown => Text::Const(wide),
            Formula::Atom(atom) => self.atom(atom, true, wide).unwrap_or(Text::Const(wide)),
            Formula::Not(atom) => self.atom(atom, false, wide).unwrap_or(Text::Const(wide)),
            Formula::All(parts) => Text::And(parts.iter().map(|part| self.formula(part, wide)).collect()),
            Formula::Any(parts) => Text::Or(parts.iter().map(|part| self.formula(part, wide)).collect()),
            Formula::Many(many) => self.count(many, true, wide).unwrap_or(Text::Const(wide)),
            Formula::Few(many) => self.count(many, false, wide).unwrap_or(Text::Const(wide)),
        }
    }

    fn find(&self, at: &[Segment]) -> Option<Found<'s>> {
        let (base, text, mut schema) = self
            .values
            .iter()
            .rev()
            .find(|(base, ..)| at.starts_with(base))
            .map(|(base, text, schema)| (base, text, *schema))?;
        let mut found = Found { has: Vec::new(), text: text.clone(), schema, within: self.values.len() > 1 };
        for segment in &at[base.len()..] {
            let Segment::Field { name, .. } = segment else { return None };
            if schema.preserve_unknown_fields == Some(true) || !is_name(name) {
                return None;
            }
            found.text = format!("{}.{}", found.text, escape(name).unwrap_or_else(|| name.to_string()));
            if !schema.required.iter().any(|required| **required == **name) {
                found.has.push(Text::leaf(format!("has({})", found.text), format!("!has({})", found.text)));
            }
            schema = schema.properties.get(&**name)?;
        }
        (schema.schema_type.is_some() && schema.preserve_unknown_fields != Some(true))
            .then_some(Found { schema, ..found })
    }

    fn atom(&self, atom: &Atom, positive: bool, wide: bool) -> Option<Text> {
        let found = if atom.key { self.key(&atom.at)? } else { self.find(&atom.at)? };
        let missing = atom.of(None) == Formula::True;
        let test = match atom.test {
            AtomTest::Absent => Text::Const(false),
            _ => self.test(atom, &found, positive == wide)?,
        };
        let whole = if missing {
            Text::Or(found.has.into_iter().map(Text::not).chain([test]).collect())
        } else {
            Text::And(found.has.into_iter().chain([test]).collect())
        };
        Some(if positive { whole } else { whole.not() })
    }

    fn key(&self, at: &[Segment]) -> Option<Found<'s>> {
        let (_, text, schema) = self.values.iter().rev().find(|(base, ..)| base == at)?;
        let key = text.rsplit_once('[')?.1.trim_end_matches(']').to_owned();
        Some(Found { has: Vec::new(), text: key, schema, within: true })
    }

    /// `over`: the text may hold where the test does not; else it may not hold where the test does.
    fn test(&self, atom: &Atom, found: &Found<'_>, over: bool) -> Option<Text> {
        let value = &found.text;
        let kind = if atom.key { Some(SchemaType::String) } else { found.schema.schema_type };
        match (&atom.test, kind?) {
            (AtomTest::True, SchemaType::Boolean) => return Some(Text::leaf(value, format!("!{value}"))),
            (AtomTest::Empty, SchemaType::Array | SchemaType::Object) => {
                return Some(Text::leaf(format!("{value}.size() == 0"), format!("{value}.size() > 0")));
            }
            (AtomTest::True, _) => return None,
            (_, SchemaType::String) => {}
            _ => return None,
        }
        let plain = match self.effort {
            Effort::Exact => false,
            Effort::PlainItems => found.within,
            Effort::Plain => true,
        };
        match &atom.test {
            // of what is repeated or is a key, less may be told, but not more
            AtomTest::IsKey(_) | AtomTest::Repeated { .. } if over || plain => None,
            AtomTest::IsKey(entry) if !atom.reading.lower => {
                let (read, key) = (read_text(atom, value), self.key(entry)?.text);
                Some(Text::leaf(format!("{read} == {key}"), format!("{read} != {key}")))
            }
            AtomTest::IsKey(_) => None,
            AtomTest::Repeated { over, ignore_case } => self.repeated(atom, over, *ignore_case, value),
            _ if plain => plain_test(atom, value, over),
            _ => exact_test(atom, value, over),
        }
    }

    /// That a text is not the only one of its list or map. ASCII letters are folded at most: less is told then.
    fn repeated(&self, atom: &Atom, over: &[Segment], ignore_case: bool, value: &str) -> Option<Text> {
        let (end, list) = over.split_last()?;
        let found = self.find(list)?;
        let depth = self.values.len();
        let (item, schema) = match end {
            Segment::Items => (format!("other{depth}"), found.schema.items.as_deref()?),
            Segment::Values => {
                (format!("{}[other{depth}]", found.text), found.schema.additional_properties.as_deref()?)
            }
            Segment::Field { .. } => return None,
        };
        let mut values = self.values.clone();
        values.push((over.to_vec(), item, schema));
        let other = RuleWriter { effort: self.effort, values }.find(&atom.at)?;
        let read = |text: &str| {
            let read = read_text(atom, text);
            if ignore_case && !atom.reading.lower { format!("{read}.lowerAscii()") } else { read }
        };
        let same = Text::leaf(format!("{} == {}", read(&other.text), read(value)), String::new());
        let same = Text::And(other.has.into_iter().chain([same]).collect()).print(false);
        let once = format!("{}.exists_one(other{depth}, {same})", found.text);
        Some(Text::leaf(format!("!{once}"), once))
    }

    fn count(&mut self, many: &Many, positive: bool, wide: bool) -> Option<Text> {
        let (end, list) = many.over.split_last()?;
        let found = self.find(list)?;
        let depth = self.values.len();
        let name = |word: &str| if depth > 1 { format!("{word}{depth}") } else { word.to_owned() };
        let (variable, item, schema) = match end {
            Segment::Items => (name("item"), name("item"), found.schema.items.as_deref()?),
            Segment::Values => {
                let key = name("key");
                (key.clone(), format!("{}[{key}]", found.text), found.schema.additional_properties.as_deref()?)
            }
            Segment::Field { .. } => return None,
        };
        self.values.push((many.over.clone(), item, schema));
        let list = &found.text;
        let test = match (&*many.body, many.most) {
            (Formula::True, 0) => Some(Text::leaf(format!("{list}.size() > 0"), format!("{list}.size() == 0"))),
            (Formula::True, most) => {
                Some(Text::leaf(format!("{list}.size() > {most}"), format!("{list}.size() <= {most}")))
            }
            (body, 0) if positive => {
                let body = self.formula(body, wide).simplified(&mut Vec::new());
                (!matches!(body, Text::Const(_))).then(|| {
                    let body = body.print(false);
                    Text::leaf(format!("{list}.exists({variable}, {body})"), String::new())
                })
            }
            (body, 0) => {
                let body = self.formula(&body.clone().not(), wide).simplified(&mut Vec::new());
                (!matches!(body, Text::Const(_))).then(|| {
                    let body = body.print(false);
                    Text::leaf(String::new(), format!("{list}.all({variable}, {body})"))
                })
            }
            (body, most) => {
                let body = self.formula(body, positive == wide).simplified(&mut Vec::new());
                (!matches!(body, Text::Const(_))).then(|| {
                    let count = format!("{list}.filter({variable}, {}).size()", body.print(false));
                    Text::leaf(format!("{count} > {most}"), format!("{count} <= {most}"))
                })
            }
        };
        self.values.pop();
        let whole = Text::And(found.has.into_iter().chain([test?]).collect());
        Some(if positive { whole } else { whole.not() })
    }
}

/// A text as it is read before it is tested.
fn read_text(atom: &Atom, value: &str) -> String {
    match atom.reading {
        reading if reading.lower => format!("{value}.trim().lowerAscii()"),
        reading if reading.trim => format!("{value}.trim()"),
        _ => value.to_owned(),
    }
}

/// As much as CEL can say of a string.
fn exact_test(atom: &Atom, value: &str, over: bool) -> Option<Text> {
    let read = read_text(atom, value);
    Some(match &atom.test {
        AtomTest::Blank => Text::leaf(format!("{value}.trim() == ''"), format!("{value}.trim() != ''")),
        AtomTest::Empty => Text::leaf(format!("{value} == ''"), format!("{value} != ''")),
        AtomTest::In(words) => {
            let words: Vec<&str> = words.iter().map(|word| &**word).collect();
            let mut read = read;
            if atom.reading.lower {
                if over && !words.iter().all(|word| word.is_ascii()) {
                    return None;
                }
                // what Go makes ASCII in lower case, and CEL does not
                for (letter, other) in [('i', 'İ'), ('k', '\u{212a}')] {
                    if words.iter().any(|word| word.contains(letter)) {
                        read = format!("{read}.replace('{other}', '{letter}')");
                    }
                }
            }
            one_of(&read, &words)
        }
        AtomTest::StartsWith(_) if over && atom.reading.lower => return None,
        AtomTest::StartsWith(prefix) => {
            let test = format!("{read}.startsWith({})", quoted(prefix));
            Text::leaf(test.clone(), format!("!{test}"))
        }
        AtomTest::LongerThan(_) if atom.reading.lower => return None,
        AtomTest::LongerThan(most) => {
            Text::leaf(format!("bytes({read}).size() > {most}"), format!("bytes({read}).size() <= {most}"))
        }
        AtomTest::Misformed(format) if !over && !atom.reading.lower => {
            let test = format!("{read}.matches({})", quoted(&format!("^(?:{})$", form(*format)?)));
            Text::leaf(format!("!{test}"), test)
        }
        AtomTest::Misformed(_) | AtomTest::Absent | AtomTest::True | AtomTest::IsKey(_) | AtomTest::Repeated { .. } => {
            return None;
        }
    })
}

/// By comparisons with short texts, which cost next to nothing.
fn plain_test(atom: &Atom, value: &str, over: bool) -> Option<Text> {
    // a text that begins with a visible character of ASCII
    let odd = || {
        vec![
            Text::leaf(format!("{value} < '!'"), format!("{value} >= '!'")),
            Text::leaf(format!("{value} > '~'"), format!("{value} <= '~'")),
        ]
    };
    Some(match &atom.test {
        AtomTest::Blank if over => Text::Or(odd()),
        AtomTest::Blank | AtomTest::Empty => Text::leaf(format!("{value} == ''"), format!("{value} != ''")),
        AtomTest::In(words) if !over || !atom.reading.trim => {
            one_of(value, &words.iter().map(|word| &**word).collect::<Vec<_>>())
        }
        AtomTest::StartsWith(prefix) if !atom.reading.lower => {
            if !over && atom.reading.trim && text::trim(prefix) != &**prefix {
                return None;
            }
            let test = format!("{value}.startsWith({})", quoted(prefix));
            let test = Text::leaf(test.clone(), format!("!{test}"));
            if over && atom.reading.trim { Text::Or([test].into_iter().chain(odd()).collect()) } else { test }
        }
        AtomTest::LongerThan(most) if !over && !atom.reading.trim => {
            Text::leaf(format!("{value}.size() > {most}"), format!("{value}.size() <= {most}"))
        }
        _ => return None,
    })
}

fn one_of(value: &str, words: &[&str]) -> Text {
    match words {
        [word] => Text::leaf(format!("{value} == {}", quoted(word)), format!("{value} != {}", quoted(word))),
        words => {
            let list = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
            Text::leaf(format!("{value} in [{list}]"), format!("!({value} in [{list}])"))
        }
    }
}

/// A string literal.
fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// Whether rules have a name for a field.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
}
