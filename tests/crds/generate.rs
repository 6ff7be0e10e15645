//! Specs at random, from a kind's schema: plausible ones with odd spelling, and a fault here and there.

use std::collections::{BTreeMap, BTreeSet};

use orloj_operator::registry::{Kind, Schema, SchemaType};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use serde_json::{Map, Value, json};

/// White space to Go and Rust, and at the end what only looks like it.
const SPACES: [&str; 13] = [
    " ", "\t", "\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{a0}", "\u{1680}", "\u{2003}", "\u{2028}", "\u{202f}",
    "\u{3000}",
];
const NO_SPACES: [&str; 5] = ["\u{180e}", "\u{200b}", "\u{feff}", "\u{1f}", "\u{2060}"];

const DURATIONS: [&str; 18] = [
    "30s", "0", "-0", "+5m", "1h30m", "1.5h", ".5s", "5.s", "100ms", "1us", "1µs", "1μs", "3ns", "-1s", "2562047h",
    "1d", "5", "5 s",
];

const TEXTS: [&str; 22] = [
    "a",
    "node-a",
    "Some Text",
    "x<y",
    "日本",
    "emoji 🙂",
    "https://example.com/x?a=b",
    "/run/secret",
    "relative/path",
    "$.a.b",
    "$",
    "[a-z]+",
    "(?i)x",
    "a**",
    "1",
    "-1.5e3",
    "0x1p-2",
    "1_000",
    "inf",
    "dGV4dA==",
    "bad base64",
    "true",
];

const INTEGERS: [i64; 14] =
    [0, 1, -1, 2, 10, 99, 100, 101, 4096, i32::MAX as i64, i32::MIN as i64, 9_007_199_254_740_993, i64::MAX, i64::MIN];

/// What the rules of a set of kind files compare fields with, by field name.
pub struct Generator {
    words: BTreeMap<String, BTreeSet<String>>,
}

/// How a spec is made.
struct Mood {
    /// Chance that an optional field is there.
    fields: f64,
    /// Chance that a value is none of those that fit.
    faults: f64,
    /// Chance that a word is spelled oddly.
    odd: f64,
}

impl Generator {
    /// From the texts of kind files.
    pub fn new(files: &[String]) -> Self {
        let mut words = BTreeMap::new();
        for file in files {
            let file: Value = serde_saphyr::from_str(file).expect("it has been loaded");
            collect(&file["rules"], "", &mut words);
            collect(&file["normalize"], "", &mut words);
        }
        Self { words }
    }

    /// A spec; now and then none at all.
    pub fn spec(&self, kind: &Kind, rng: &mut StdRng) -> Value {
        if rng.random_bool(0.005) {
            return Value::Null;
        }
        let mood = Mood {
            fields: [0.15, 0.5, 0.5, 0.85].choose(rng).copied().unwrap_or(0.5),
            faults: [0.0, 0.0, 0.01, 0.1].choose(rng).copied().unwrap_or(0.0),
            odd: [0.0, 0.5].choose(rng).copied().unwrap_or(0.0),
        };
        self.value(&kind.schema, "spec", &mood, rng)
    }

    fn value(&self, schema: &Schema, name: &str, mood: &Mood, rng: &mut StdRng) -> Value {
        if rng.random_bool(mood.faults * 0.1) {
            return [json!(null), json!(7), json!("text"), json!([]), json!({}), json!(1.5), json!(true)]
                .choose(rng)
                .cloned()
                .unwrap_or_default();
        }
        match schema.schema_type {
            Some(SchemaType::String) => Value::String(self.string(schema, name, mood, rng)),
            Some(SchemaType::Integer) => integer(schema, mood, rng),
            Some(SchemaType::Number) => json!(rng.random_range(-1e9..1e9)),
            Some(SchemaType::Boolean) => Value::Bool(rng.random()),
            Some(SchemaType::Array) => {
                let count = rng.random_range(0..4);
                let items = schema.items.as_deref();
                items.map_or(json!([]), |items| (0..count).map(|_| self.value(items, name, mood, rng)).collect())
            }
            Some(SchemaType::Object) => self.object(schema, name, mood, rng),
            None => free(rng, 0),
        }
    }

    fn object(&self, schema: &Schema, name: &str, mood: &Mood, rng: &mut StdRng) -> Value {
        let mut object = Map::new();
        for (field, inner) in &schema.properties {
            let always = schema.required.contains(field) && !rng.random_bool(mood.faults);
            if always || rng.random_bool(mood.fields) {
                object.insert(field.clone(), self.value(inner, field, mood, rng));
            }
        }
        if let Some(inner) = &schema.additional_properties {
            for _ in 0..rng.random_range(0..4) {
                let key = ["a", "b", "Key", " padded ", "", "node-a", "x.y/z"].choose(rng).copied().unwrap_or_default();
                object.insert(key.to_owned(), self.value(inner, name, mood, rng));
            }
        }
        if rng.random_bool(0.02) {
            object.insert("unknown_field".to_owned(), json!({"dropped": [1, null]}));
        }
        Value::Object(object)
    }

    /// Mostly what the field is for: one of the words it is compared with, a duration, base64.
    fn string(&self, schema: &Schema, name: &str, mood: &Mood, rng: &mut StdRng) -> String {
        let words = self.words.get(name);
        let is_duration = schema.pattern.as_deref().is_some_and(|pattern| pattern.contains("|ms|"));
        let roll = if rng.random_bool(mood.faults) { 9 } else { rng.random_range(0..9) };
        match roll {
            0 => String::new(),
            1 if rng.random_bool(mood.odd) => pad("", rng),
            _ if roll == 9 => [pick(&TEXTS, rng), pick(&DURATIONS, rng), pick(&NO_SPACES, rng)]
                .choose(rng)
                .map_or(String::new(), |text| pad(text, rng)),
            _ if is_duration => {
                // the last three are none
                let text = DURATIONS[..15].choose(rng).copied().unwrap_or_default();
                if rng.random_bool(mood.odd * 0.3) { pad(text, rng) } else { text.to_owned() }
            }
            _ => match words.and_then(|words| words.iter().choose(rng)) {
                Some(word) if rng.random_bool(mood.odd) => pad(&respell(word, rng), rng),
                Some(word) => word.clone(),
                None if name == "data" => "dGV4dA==".to_owned(),
                None => pick(&TEXTS, rng).to_owned(),
            },
        }
    }
}

fn pick<'t>(texts: &[&'t str], rng: &mut StdRng) -> &'t str {
    texts.choose(rng).copied().unwrap_or_default()
}

/// White space before and after.
fn pad(text: &str, rng: &mut StdRng) -> String {
    let (before, after) = (rng.random_range(0..3), rng.random_range(0..3));
    let mut padded: String = (0..before).map(|_| pick(&SPACES, rng)).collect();
    padded.push_str(text);
    padded.extend((0..after).map(|_| pick(&SPACES, rng)));
    padded
}

/// Upper and lower case at random, with the two letters outside ASCII that Go lower-cases into it, and two that only
/// look so.
fn respell(word: &str, rng: &mut StdRng) -> String {
    let spell = |c: char| match (c, rng.random_range(0..40)) {
        ('i', 0..10) => 'İ',
        ('k', 0..10) => '\u{212a}',
        ('i', 39) => 'ı',
        ('s', 39) => 'ſ',
        (c, roll) if roll % 2 == 0 => c.to_ascii_uppercase(),
        (c, _) => c,
    };
    word.chars().map(spell).collect()
}

fn integer(schema: &Schema, mood: &Mood, rng: &mut StdRng) -> Value {
    let whole = INTEGERS.choose(rng).copied().unwrap_or(0);
    if rng.random_bool(mood.faults) {
        return [json!(1.5), json!(u64::MAX), json!(1e30), json!("5"), json!(-3)]
            .choose(rng)
            .cloned()
            .unwrap_or_default();
    }
    if rng.random_bool(0.05) {
        return json!(3.0);
    }
    json!(schema.minimum.map_or(whole, |least| whole.max(least)))
}

/// A free-form object.
fn free(rng: &mut StdRng, depth: usize) -> Value {
    let mut object = Map::new();
    if rng.random_bool(0.8) {
        object.insert("type".to_owned(), json!("object"));
    }
    if depth < 3 && rng.random_bool(0.5) {
        object.insert("properties".to_owned(), json!({"a": free(rng, depth + 1), "b": [1, 2.5, null, "x", {}]}));
    }
    Value::Object(object)
}

/// Words of `oneOf`, `in` and `with`, by the last name of the path that they are about.
fn collect(value: &Value, about: &str, words: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, about, words)),
        Value::Object(map) => {
            let subject = ["path", "for", "replace"].iter().find_map(|key| map.get(*key)).map(last_name);
            let about = subject.filter(|name| !name.is_empty()).unwrap_or_else(|| about.to_owned());
            let listed = ["oneOf", "in"].iter().filter_map(|key| map.get(*key)).filter_map(Value::as_array).flatten();
            let replaced = map.get("with").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned();
            let found = listed.filter_map(|word| word.as_str().map(str::to_owned)).chain(replaced);
            words.entry(about.clone()).or_default().extend(found);
            map.values().for_each(|inner| collect(inner, &about, words));
        }
        _ => {}
    }
}

/// `allow` of `raw.spec.memory.allow[]`; of several paths the first counts.
fn last_name(path: &Value) -> String {
    let path = path.as_str().or_else(|| path.get(0).and_then(Value::as_str)).unwrap_or_default();
    let path = path.trim_end_matches("[]").trim_end_matches(".*");
    path.rsplit('.').next().unwrap_or_default().to_owned()
}
