//! Kubernetes' structural schemas: the schema of a CRD, compiled once, and what an API server would say of an object by it.
//!
//! The verdicts are those of `kube-apiserver` on a creation: null is dropped from fields that are not nullable, fields
//! that the schema does not know are pruned, `1.0` is an integer. What it does before validation (pruning) and in it
//! happens here in one walk.

mod rules;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::apimachinery::formats::StringFormat;
use crate::cel::schema::DeclaredType;
use crate::cel::{CelRule, RuleFailure};
use crate::go_compat::regexp::matcher;
use rules::ListType;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq)]
pub enum SchemaMismatch {
    Type { expected: &'static str },
    Null { expected: &'static str },
    Required { name: String },
    Enum { words: Vec<String> },
    Pattern { pattern: String },
    Format { format: &'static str },
    Range { text: String },
    Length { text: String },
    Count { text: String },
    Unknown { known: Vec<String> },
    Rule(RuleFailure),
}

/// A mismatch and the path to the value; to the parent, where a field is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaViolation {
    pub path: FieldPath,
    pub mismatch: SchemaMismatch,
}

/// A node of a schema.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a schema says yes or no to many things")]
pub struct SchemaNode {
    expected: Option<ExpectedType>,
    nullable: bool,
    default: Option<Value>,
    /// A default here or below.
    has_defaults: bool,
    preserve: bool,
    /// Of an object's fields, sorted by name.
    properties: BTreeMap<String, SchemaNode>,
    additional: Option<Box<SchemaNode>>,
    items: Option<Box<SchemaNode>>,
    required: Vec<String>,
    values: Vec<Value>,
    pattern: Option<(String, Regex)>,
    format: Option<StringFormat>,
    number_format: Option<NumberFormat>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    lengths: CountBounds,
    counts: CountBounds,
    sizes: CountBounds,
    rules: Vec<CelRule>,
    /// A rule here or below.
    has_rules: bool,
    declared_type: DeclaredType,
    /// Here or below is something whose type for rules is not that of JSON.
    has_formats: bool,
    /// Of a list, for rules: what it is to operators.
    list: ListType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExpectedType {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

/// A format that narrows the range of numbers (`IsValueValidAgainstRange` of `k8s.io/kube-openapi`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberFormat {
    Int32,
    Uint32,
    Uint64,
    Float32,
}

impl NumberFormat {
    fn of(expected: Option<ExpectedType>, name: &str) -> Option<Self> {
        match (expected, name) {
            (Some(ExpectedType::Integer), "int32") => Some(Self::Int32),
            (Some(ExpectedType::Integer), "uint32") => Some(Self::Uint32),
            (Some(ExpectedType::Integer), "uint64") => Some(Self::Uint64),
            (Some(ExpectedType::Number), "float" | "float32") => Some(Self::Float32),
            _ => None,
        }
    }

    /// What is wrong with a number.
    fn mismatch(self, number: f64) -> Option<&'static str> {
        #[expect(clippy::cast_possible_truncation, reason = "that it may not fit is what is asked")]
        let (fits, mismatch) = match self {
            Self::Int32 => ((f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number), "must fit into 32 bits"),
            Self::Uint32 => ((0.0..=f64::from(u32::MAX)).contains(&number), "must be 0 or more and fit into 32 bits"),
            Self::Uint64 => (number >= 0.0, "must be 0 or more"),
            Self::Float32 => ((number as f32).is_finite(), "must fit into a float of 32 bits"),
        };
        (!fits).then_some(mismatch)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct CountBounds {
    least: Option<u64>,
    most: Option<u64>,
}

/// What of a schema cannot be checked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnsupportedConstraint {
    /// A CEL rule, and what it uses.
    Cel {
        rule: String,
        why: String,
    },
    Pattern {
        pattern: String,
        why: String,
    },
}

impl ExpectedType {
    fn of(schema: &Map<String, Value>) -> Option<Self> {
        if schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
            return Some(Self::IntOrString);
        }
        Some(match schema.get("type")?.as_str()? {
            "object" => Self::Object,
            "array" => Self::Array,
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            _ => return None,
        })
    }

    fn text(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "a list",
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::IntOrString => "an integer or a string",
        }
    }
}

impl SchemaNode {
    /// Compiles a structural schema, as it stands in a CRD; tells what of it cannot be checked.
    pub fn compile(schema: &Value, unsupported: &mut Vec<UnsupportedConstraint>) -> Self {
        let empty = Map::new();
        let map = schema.as_object().unwrap_or(&empty);
        let number = |name: &str| map.get(name).and_then(Value::as_f64);
        let bound = |least: &str, most: &str| CountBounds {
            least: map.get(least).and_then(Value::as_u64),
            most: map.get(most).and_then(Value::as_u64),
        };
        let child =
            |value: &Value, unsupported: &mut Vec<UnsupportedConstraint>| Box::new(Self::compile(value, unsupported));
        let mut node = Self {
            expected: ExpectedType::of(map),
            nullable: map.get("nullable") == Some(&Value::Bool(true)),
            default: map.get("default").filter(|default| !default.is_null()).cloned(),
            preserve: map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)),
            additional: map.get("additionalProperties").map(|inner| child(inner, unsupported)),
            items: map.get("items").map(|inner| child(inner, unsupported)),
            minimum: number("minimum"),
            maximum: number("maximum"),
            lengths: bound("minLength", "maxLength"),
            counts: bound("minItems", "maxItems"),
            sizes: bound("minProperties", "maxProperties"),
            ..Self::default()
        };
        for (name, inner) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
            node.properties.insert(name.clone(), Self::compile(inner, unsupported));
        }
        node.has_defaults = node.default.is_some() || node.any_inner(|inner| inner.has_defaults);
        let words = |name: &str| map.get(name).and_then(Value::as_array).into_iter().flatten();
        node.required = words("required").filter_map(|name| name.as_str().map(str::to_owned)).collect();
        node.values = words("enum").cloned().collect();
        node.compile_texts(map, unsupported);
        node.compile_for_rules(map);
        node.rules = words("x-kubernetes-validations").filter_map(CelRule::compile).collect();
        let rules = node.rules.iter().filter_map(CelRule::unsupported);
        unsupported.extend(rules.map(|(rule, why)| UnsupportedConstraint::Cel { rule, why }));
        node.has_rules = !node.rules.is_empty() || node.any_inner(|inner| inner.has_rules);
        node
    }

    fn any_inner(&self, is: impl Fn(&Self) -> bool) -> bool {
        let inner = [&self.additional, &self.items].into_iter().flatten().map(|inner| &**inner);
        self.properties.values().chain(inner).any(is)
    }

    fn compile_texts(&mut self, map: &Map<String, Value>, unsupported: &mut Vec<UnsupportedConstraint>) {
        if let Some(pattern) = map.get("pattern").and_then(Value::as_str) {
            match matcher::compile(pattern) {
                Ok(regex) => self.pattern = Some((pattern.to_owned(), regex)),
                Err(why) => unsupported.push(UnsupportedConstraint::Pattern { pattern: pattern.to_owned(), why }),
            }
        }
        let format = map.get("format").and_then(Value::as_str);
        self.number_format = format.and_then(|name| NumberFormat::of(self.expected, name));
        if let (Some(ExpectedType::String) | None, Some(name)) = (self.expected, format) {
            self.format = StringFormat::of(name);
        }
    }

    /// The schema of a field.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Self> {
        self.properties.get(name)
    }

    /// Fields that the schema does not know, which the server prunes or, asked to be strict, refuses.
    pub fn unknown(&self, value: &Value, path: &mut FieldPath, found: &mut Vec<SchemaViolation>) {
        match value {
            Value::Object(map) => {
                for (name, inner) in map {
                    path.push(PathSegment::Key(name.clone()));
                    match self.properties.get(name).or(self.additional.as_deref()) {
                        Some(node) => node.unknown(inner, path, found),
                        None if self.preserve => {}
                        None => {
                            let known = self.properties.keys().cloned().collect();
                            found.push(SchemaViolation {
                                path: path.clone(),
                                mismatch: SchemaMismatch::Unknown { known },
                            });
                        }
                    }
                    path.pop();
                }
            }
            Value::Array(items) => {
                let Some(node) = &self.items else { return };
                for (index, inner) in items.iter().enumerate() {
                    path.push(PathSegment::Index(index));
                    node.unknown(inner, path, found);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// Drops null where the server does: from fields and map values that are not nullable.
    pub fn drop_nulls(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|name, inner| !(inner.is_null() && self.drops_null(name)));
                for (name, inner) in map {
                    if let Some(node) = self.field(name) {
                        node.drop_nulls(inner);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(node) = &self.items {
                    for inner in items {
                        node.drop_nulls(inner);
                    }
                }
            }
            _ => {}
        }
    }

    /// Fills in what is left out, once [`SchemaNode::drop_nulls`] has taken what it takes.
    pub fn fill_defaults(&self, value: &mut Value) {
        match value {
            _ if !self.has_defaults => {}
            Value::Object(map) => {
                for (name, node) in &self.properties {
                    if let Some(default) = node.default.as_ref().filter(|_| !map.contains_key(name)) {
                        map.insert(name.clone(), default.clone());
                    }
                }
                for (name, inner) in map {
                    if let Some(node) = self.field(name) {
                        node.fill_defaults(inner);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(node) = &self.items {
                    for inner in items {
                        node.fill_defaults(inner);
                    }
                }
            }
            _ => {}
        }
    }

    fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }

    /// How the server shows a field, or an entry of a map.
    fn segment(&self, name: &str) -> PathSegment {
        if self.properties.contains_key(name) {
            PathSegment::Key(name.to_owned())
        } else {
            PathSegment::MapKey(name.to_owned())
        }
    }

    fn drops_null(&self, name: &str) -> bool {
        self.field(name).is_some_and(|node| !node.nullable)
    }

    /// Checks a value, from which [`SchemaNode::drop_nulls`] has taken what it takes.
    pub fn check(&self, value: &Value, path: &mut FieldPath, found: &mut Vec<SchemaViolation>) {
        let mut tell = |path: &FieldPath, mismatch| found.push(SchemaViolation { path: path.clone(), mismatch });
        if let Some(expected) = self.expected.filter(|expected| !self.fits(*expected, value)) {
            let expected = expected.text();
            let mismatch =
                if value.is_null() { SchemaMismatch::Null { expected } } else { SchemaMismatch::Type { expected } };
            return tell(path, mismatch);
        }
        if !self.values.is_empty() && !value.is_null() && !self.values.contains(value) {
            let words = self.values.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned));
            tell(path, SchemaMismatch::Enum { words: words.collect() });
        }
        match value {
            Value::String(text) => self.check_text(text, path, &mut tell),
            Value::Number(number) => self.check_number(number.as_f64().unwrap_or_default(), path, &mut tell),
            Value::Array(items) => {
                if let Some(text) = self.counts.mismatch(items.len(), "item", "items") {
                    tell(path, SchemaMismatch::Count { text });
                }
                let Some(node) = &self.items else { return };
                for (index, inner) in items.iter().enumerate() {
                    path.push(PathSegment::Index(index));
                    node.check(inner, path, found);
                    path.pop();
                }
            }
            Value::Object(map) => self.check_object(map, path, found),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn check_object(&self, map: &Map<String, Value>, path: &mut FieldPath, found: &mut Vec<SchemaViolation>) {
        if let Some(text) = self.sizes.mismatch(map.len(), "entry", "entries") {
            found.push(SchemaViolation { path: path.clone(), mismatch: SchemaMismatch::Count { text } });
        }
        for name in self.required.iter().filter(|name| !map.contains_key(*name)) {
            found.push(SchemaViolation {
                path: path.clone(),
                mismatch: SchemaMismatch::Required { name: name.clone() },
            });
        }
        for (name, inner) in map {
            if let Some(node) = self.field(name) {
                path.push(self.segment(name));
                node.check(inner, path, found);
                path.pop();
            }
        }
    }

    fn fits(&self, expected: ExpectedType, value: &Value) -> bool {
        match (expected, value) {
            (_, Value::Null) => self.nullable,
            (ExpectedType::Object, Value::Object(_))
            | (ExpectedType::Array, Value::Array(_))
            | (ExpectedType::String | ExpectedType::IntOrString, Value::String(_))
            | (ExpectedType::Boolean, Value::Bool(_))
            | (ExpectedType::Number, Value::Number(_)) => true,
            // a string with a format is told from a list by the format alone, and that lets lists pass
            (ExpectedType::String, Value::Array(_)) => self.format.is_some(),
            (ExpectedType::Integer | ExpectedType::IntOrString, Value::Number(number)) => {
                number.is_i64() || is_json_integer(number.as_f64().unwrap_or(f64::NAN))
            }
            _ => false,
        }
    }

    fn check_text(&self, text: &str, path: &FieldPath, tell: &mut dyn FnMut(&FieldPath, SchemaMismatch)) {
        // in bytes where there are fewer than the bound, so that most texts are not counted
        let counts = self.lengths.least.is_some() || self.lengths.most.is_some_and(|most| text.len() as u64 > most);
        if counts && let Some(text) = self.lengths.mismatch(text.chars().count(), "character", "characters") {
            tell(path, SchemaMismatch::Length { text });
        }
        if let Some((pattern, regex)) = &self.pattern
            && !regex.is_match(text)
        {
            tell(path, SchemaMismatch::Pattern { pattern: pattern.clone() });
        }
        if let Some(format) = self.format
            && !format.fits(text)
        {
            tell(path, SchemaMismatch::Format { format: format.name() });
        }
    }

    fn check_number(&self, number: f64, path: &FieldPath, tell: &mut dyn FnMut(&FieldPath, SchemaMismatch)) {
        // the type check rounds, the range check does not
        if self.expected == Some(ExpectedType::Integer) && number.fract() != 0.0 {
            tell(path, SchemaMismatch::Range { text: "must be an integer".to_owned() });
        }
        if let Some(mismatch) = self.number_format.and_then(|format| format.mismatch(number)) {
            tell(path, SchemaMismatch::Range { text: mismatch.to_owned() });
        }
        if let Some(least) = self.minimum.filter(|least| number < *least) {
            tell(path, SchemaMismatch::Range { text: format!("must be {least} or more") });
        }
        if let Some(most) = self.maximum.filter(|most| number > *most) {
            tell(path, SchemaMismatch::Range { text: format!("must be {most} or less") });
        }
    }
}

impl CountBounds {
    fn mismatch(self, count: usize, one: &str, many: &str) -> Option<String> {
        let count = count as u64;
        let noun = |number: u64| if number == 1 { one.to_owned() } else { many.to_owned() };
        if let Some(least) = self.least.filter(|least| count < *least) {
            return Some(format!("must have at least {least} {}, has {count}", noun(least)));
        }
        let most = self.most.filter(|most| count > *most)?;
        Some(format!("must have at most {most} {}, has {count}", noun(most)))
    }
}

/// Whether a float passes for an integer, as go-openapi judges: within 53 bits, and whole but for a billionth.
fn is_json_integer(number: f64) -> bool {
    const MOST: f64 = 9_007_199_254_740_991.0;
    if !number.is_finite() || number.abs() > MOST {
        return false;
    }
    let rounded = number.round();
    if rounded == 0.0 {
        return number == 0.0;
    }
    (number - rounded).abs() < 1e-9 * rounded.abs()
}
