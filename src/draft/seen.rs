//! What values were seen at each place of some objects, and the schema that they suggest.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::{Notes, names, secrecy};
use crate::derive::schema::{Presence, Schema, SchemaType};

/// Most words that are counted one by one.
const WORDS: usize = 12;

/// Fewest values, and fewest of each, that make a few words look like all there are.
const ENUM_VALUES: usize = 6;
const ENUM_EACH: usize = 2;

/// Words of fields whose values are no choice, however often they come again. A `value` stands beside a name, which may
/// be that of a secret.
const NO_CHOICE: [&str; 18] = [
    "name",
    "namespace",
    "ref",
    "url",
    "uri",
    "host",
    "path",
    "image",
    "description",
    "title",
    "user",
    "value",
    "content",
    "arg",
    "command",
    "env",
    "header",
    "default",
];

/// Maps by their usual names.
const MAPS: [&str; 8] =
    ["labels", "annotations", "matchlabels", "nodeselector", "env", "headers", "data", "stringdata"];

/// Everything that stood at one place.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    nulls: usize,
    strings: usize,
    /// How often each string came; empty once there were too many.
    words: BTreeMap<String, usize>,
    various: bool,
    integers: usize,
    numbers: usize,
    booleans: usize,
    objects: usize,
    fields: BTreeMap<String, Seen>,
    lists: usize,
    items: Option<Box<Seen>>,
}

impl Seen {
    pub fn add(&mut self, value: &Value) {
        match value {
            Value::Null => self.nulls += 1,
            Value::Bool(_) => self.booleans += 1,
            Value::Number(number) if whole(number) => self.integers += 1,
            Value::Number(_) => self.numbers += 1,
            Value::String(text) => {
                self.strings += 1;
                if !self.various {
                    *self.words.entry(text.clone()).or_default() += 1;
                }
                if self.words.len() > WORDS {
                    self.various = true;
                    self.words.clear();
                }
            }
            Value::Array(items) => {
                self.lists += 1;
                for item in items {
                    self.items.get_or_insert_default().add(item);
                }
            }
            Value::Object(map) => {
                self.objects += 1;
                for (name, value) in map {
                    self.fields.entry(name.clone()).or_default().add(value);
                }
            }
        }
    }

    /// At least one object was seen.
    pub fn is_object(&self) -> bool {
        self.objects > 0
    }

    fn times(&self) -> usize {
        self.strings + self.integers + self.numbers + self.booleans + self.objects + self.lists
    }

    /// The type that most values had; numbers with a fraction make all numbers such.
    fn schema_type(&self, path: &str, notes: &mut Notes) -> SchemaType {
        let number = if self.numbers > 0 { SchemaType::Number } else { SchemaType::Integer };
        let counts = [
            (self.strings, SchemaType::String),
            (self.integers + self.numbers, number),
            (self.booleans, SchemaType::Boolean),
            (self.objects, SchemaType::Object),
            (self.lists, SchemaType::Array),
        ];
        let types = counts.iter().filter(|(count, _)| *count > 0).count();
        // the first of equals
        let most = counts.iter().rev().max_by_key(|(count, _)| *count).map_or(SchemaType::String, |(_, name)| *name);
        if types > 1 {
            let name = format!("{most:?}").to_lowercase();
            notes.at(path, format!("of more than one type in the samples; {name} was taken, others are refused"));
        } else if types == 0 {
            notes.at(path, "only null in the samples; string was taken");
        }
        most
    }

    /// The schema of a field that stood in `self.times()` of `parents` objects around it.
    fn field(&self, name: &str, path: &str, parents: usize, notes: &mut Notes) -> Schema {
        let words = names::words(name);
        let description = match (parents, self.times()) {
            (0 | 1, _) => format!("{words}."),
            (all, times) => format!("{words}; in {} of {all} samples.", times.min(all)),
        };
        let mut schema = self.schema(name, path, notes);
        schema.description = Some(description);
        let free = schema.preserve_unknown_fields.is_some() || schema.additional_properties.is_some();
        if !free && schema.schema_type != Some(SchemaType::Array) {
            schema.store = Some(Presence::Pointer);
        }
        schema
    }

    pub fn schema(&self, name: &str, path: &str, notes: &mut Notes) -> Schema {
        let schema_type = self.schema_type(path, notes);
        let mut schema = Schema { schema_type: Some(schema_type), ..Schema::default() };
        match schema_type {
            SchemaType::String => schema.values = self.choice(name, path),
            SchemaType::Array => {
                let items = self.items.as_ref().map(|items| items.schema(name, &format!("{path}[]"), notes));
                let items = items.unwrap_or_else(|| {
                    notes.at(path, "empty in the samples; a list of strings was taken");
                    Schema { schema_type: Some(SchemaType::String), ..Schema::default() }
                });
                schema.items = Some(Box::new(items));
            }
            SchemaType::Object => self.object(name, path, &mut schema, notes),
            SchemaType::Integer | SchemaType::Number | SchemaType::Boolean => {}
        }
        schema
    }

    fn object(&self, name: &str, path: &str, schema: &mut Schema, notes: &mut Notes) {
        if self.fields.is_empty() {
            if path != "spec" {
                notes.at(path, "empty in the samples; free-form, and not stored while it is empty");
                schema.preserve_unknown_fields = Some(true);
            }
            return;
        }
        if path != "spec" && self.is_map(name) {
            let mut values = Self::default();
            for value in self.fields.values() {
                values.merge(value);
            }
            values.various = true;
            notes.at(path, "taken for a map, by its keys");
            schema.additional_properties = Some(Box::new(values.schema("", &format!("{path}.*"), notes)));
            return;
        }
        let mut fields = IndexMap::new();
        for (name, seen) in &self.fields {
            fields.insert(name.clone(), seen.field(name, &format!("{path}.{name}"), self.objects, notes));
            // one sample says nothing of the others
            if self.objects > 1 && seen.times() >= self.objects && seen.nulls == 0 {
                schema.required.push(name.clone());
            }
        }
        schema.properties = fields;
    }

    /// Keys that are no names of fields, a usual name, or keys that never come again.
    fn is_map(&self, name: &str) -> bool {
        let field = |key: &str| {
            key.starts_with(|c: char| c.is_ascii_alphabetic())
                && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let simple = self.fields.values().all(|seen| seen.times() == seen.strings);
        let named = simple && MAPS.contains(&name.replace('_', "").to_lowercase().as_str());
        let apart = self.objects > 2
            && self.fields.len() >= self.objects * 2
            && simple
            && self.fields.values().all(|seen| seen.times() == 1);
        named || apart || self.fields.keys().any(|key| !field(key))
    }

    fn merge(&mut self, other: &Self) {
        for (count, more) in [
            (&mut self.nulls, other.nulls),
            (&mut self.strings, other.strings),
            (&mut self.integers, other.integers),
            (&mut self.numbers, other.numbers),
            (&mut self.booleans, other.booleans),
            (&mut self.objects, other.objects),
            (&mut self.lists, other.lists),
        ] {
            *count += more;
        }
        self.various |= other.various;
        for (name, seen) in &other.fields {
            self.fields.entry(name.clone()).or_default().merge(seen);
        }
        if let Some(items) = &other.items {
            self.items.get_or_insert_default().merge(items);
        }
    }

    /// A few words that came again and again, and are no secret.
    fn choice(&self, name: &str, path: &str) -> Vec<String> {
        let word = |text: &str| {
            text.len() <= 32
                && text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        };
        let evident = !self.various
            && self.strings == self.times()
            && self.words.len() > 1
            && self.strings >= ENUM_VALUES.max(self.words.len() * 3)
            && self.words.iter().all(|(text, count)| *count >= ENUM_EACH && word(text))
            && !secrecy::has_word(name, &NO_CHOICE)
            && !secrecy::on(path);
        if evident { self.words.keys().cloned().collect() } else { Vec::new() }
    }
}

/// Whole floats are the integers that they stand for, as everywhere in this program.
fn whole(number: &serde_json::Number) -> bool {
    number.is_i64() || number.as_f64().is_some_and(|float| float.fract() == 0.0 && float.abs() < 9e15)
}
