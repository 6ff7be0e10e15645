//! One object of a kind: what the API server and the operator would say of it.

use serde_json::{Map, Value};

use super::FieldValidation;
use super::encrypted;
use super::finding::ObjectFinding;
use super::rule::{self, ValidationRule};
use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::apimachinery::json_type_name;
use crate::apimachinery::metadata::check::{self as metadata, MetadataMismatch, MetadataRule};
use crate::apimachinery::suggest::suggest;
use crate::cel::RuleFailure;
use crate::desired::{Desired, Invalid, InvalidClass};
use crate::diagnostics::Severity;
use crate::kube_schema::{SchemaMismatch, SchemaNode, SchemaViolation, UnsupportedConstraint};
use crate::registry::Kind;
use crate::registry::crd::RESERVED_RULE;
use crate::registry::foreign::Foreign;
use crate::resource::{ObjectName, Resource, ResourceId};
use crate::rules;

/// A kind's schema, ready to be checked against.
#[derive(Debug)]
pub struct ObjectSchema {
    root: SchemaNode,
    pub unsupported: Vec<UnsupportedConstraint>,
}

/// An object's findings, and what would be stored, where all is well.
#[derive(Debug)]
pub struct Judged {
    pub found: Vec<ObjectFinding>,
    pub desired: Option<Desired>,
    /// As the operator would get it; none where there is no name.
    pub resource: Option<Resource>,
}

impl ObjectSchema {
    /// Compiles the CRD of a kind.
    #[must_use]
    pub fn compile(kind: &Kind) -> Self {
        let mut schema = kind.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take();
        // all that rules see of metadata
        let text = || serde_json::json!({"type": "string"});
        schema["properties"]["metadata"]["properties"] = serde_json::json!({"name": text(), "generateName": text()});
        let rules = schema["x-kubernetes-validations"].as_array_mut().into_iter().flatten();
        for rule in rules.filter(|rule| rule["rule"].as_str().is_some_and(|text| text.starts_with(RESERVED_RULE))) {
            // the server shows it at the object as a whole; the field is known
            rule["fieldPath"] = ".metadata.name".into();
        }
        let mut unsupported = Vec::new();
        let root = SchemaNode::compile(&schema, &mut unsupported);
        Self { root, unsupported }
    }

    /// Judges an object of the kind; takes null out of it where the server does.
    pub fn judge(&self, kind: &Kind, object: &mut Value, fields: FieldValidation) -> Judged {
        let null = Value::Null;
        let mut found = of_metadata(object);
        if let Some(foreign) = &kind.foreign {
            return judge_foreign(kind, foreign, object, found);
        }
        self.check_fields(object, &mut found);
        if let Some(draft) = encrypted::check(object) {
            found.retain(|other| other.way != draft.way);
            found.push(draft);
        }
        if fields != FieldValidation::Strict {
            found.retain(|draft| *draft.rule != rule::UNKNOWN_FIELD || fields == FieldValidation::Warn);
            let unknown = found.iter_mut().filter(|draft| *draft.rule == rule::UNKNOWN_FIELD);
            unknown.for_each(|draft| draft.severity = Severity::Warning);
        }
        self.as_stored(object);
        let readable = !found.iter().any(|draft| *draft.rule == rule::METADATA_TYPE);
        let violations = if readable { self.violations(object, &found) } else { Vec::new() };
        // the server checks what was sent, and stores it in a plainer form
        if let Some(spec) = object.get_mut("spec") {
            whole_numbers(spec);
        }
        let spec = object.get("spec").unwrap_or(&null);
        let refusals = if violations.iter().any(|one| {
            matches!(
                one.mismatch,
                SchemaMismatch::Pattern { .. } | SchemaMismatch::Rule(RuleFailure::Refused { field: None, .. })
            )
        }) {
            kind.violations(name_of(object), spec)
        } else {
            Vec::new()
        };
        for draft in violations.into_iter().map(|violation| tell(kind, object, violation, &refusals)) {
            // a pattern and a rule may both stand for one rule of the kind
            if !found.iter().any(|other| other.way == draft.way && other.text == draft.text) {
                found.push(draft);
            }
        }
        let resource = readable.then(|| resource(kind, object)).flatten();
        let desired = desired(kind, resource.as_ref(), &mut found);
        Judged { found, desired, resource }
    }

    fn check_fields(&self, object: &Value, found: &mut Vec<ObjectFinding>) {
        let mut violations = Vec::new();
        for (name, value) in object.as_object().into_iter().flatten() {
            let mut way = FieldPath::of(&[name]);
            match (name.as_str(), self.root.property(name)) {
                ("apiVersion" | "kind" | "metadata", _) => {}
                (_, Some(node)) => node.unknown(value, &mut way, &mut violations),
                (_, None) => {
                    let known = ["apiVersion", "kind", "metadata", "spec", "status"].map(str::to_owned).to_vec();
                    violations.push(SchemaViolation { path: way, mismatch: SchemaMismatch::Unknown { known } });
                }
            }
        }
        found.extend(violations.into_iter().map(unknown_field));
    }

    /// The object as the server has it before it is checked.
    fn as_stored(&self, object: &mut Value) {
        let Some(map) = object.as_object_mut() else { return };
        if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
            let prefix = metadata.get("generateName").and_then(Value::as_str).filter(|prefix| !prefix.is_empty());
            let generated = prefix.map(generated_name).filter(|_| is_nameless(metadata));
            if let Some(name) = generated {
                metadata.insert("name".to_owned(), name.into());
            }
        }
        // a status is never taken from whoever applies a resource
        map.retain(|name, value| name != "status" && (!value.is_null() || name == "metadata"));
        for (name, value) in map {
            if let Some(node) = self.root.property(name).filter(|_| name != "metadata") {
                node.drop_nulls(value);
                node.fill_defaults(value);
            }
        }
    }

    /// The schema, and where nothing stands in the way of it, the rules in it.
    fn violations(&self, object: &Value, before: &[ObjectFinding]) -> Vec<SchemaViolation> {
        let mut violations = Vec::new();
        self.root.check(object, &mut FieldPath::new(), &mut violations);
        let nameless = before.iter().any(|draft| *draft.rule == rule::METADATA_NAME && draft.text.contains("required"));
        if !nameless && !violations.iter().any(|violation| violation.mismatch.blocks()) {
            self.root.check_rules(object, &mut FieldPath::new(), &mut violations);
        }
        violations
    }
}

impl SchemaMismatch {
    /// Rules are not checked on an object with such a mismatch.
    fn blocks(&self) -> bool {
        matches!(
            self,
            Self::Type { .. } | Self::Null { .. } | Self::Required { .. } | Self::Length { .. } | Self::Count { .. }
        )
    }
}

/// Judges an object of a kind that is not ours, as far as that is for the operator to say: the API server has another
/// schema of it. The object gets the spec that it gives.
fn judge_foreign(kind: &Kind, foreign: &Foreign, object: &mut Value, mut found: Vec<ObjectFinding>) -> Judged {
    found.extend(encrypted::check(object));
    let readable = !found.iter().any(|draft| *draft.rule == rule::METADATA_TYPE);
    let resource = readable.then(|| resource(kind, object)).flatten();
    let mut refused = Vec::new();
    let desired = desired(kind, resource.as_ref(), &mut refused);
    for draft in &mut refused {
        draft.way = foreign.place_of(&draft.way);
    }
    found.append(&mut refused);
    if let (Some(resource), Some(map)) = (&resource, object.as_object_mut()) {
        map.insert("spec".to_owned(), resource.spec.clone());
    }
    Judged { found, desired, resource }
}

fn desired(kind: &Kind, resource: Option<&Resource>, found: &mut Vec<ObjectFinding>) -> Option<Desired> {
    kind.desired(resource?).map_err(|invalid| join(invalid, found)).ok()
}

fn of_metadata(object: &Value) -> Vec<ObjectFinding> {
    let mut mismatches = Vec::new();
    metadata::check(object.get("metadata").unwrap_or(&Value::Null), &mut mismatches);
    mismatches.into_iter().map(metadata_finding).collect()
}

fn metadata_finding(mismatch: MetadataMismatch) -> ObjectFinding {
    let rule = match mismatch.rule {
        MetadataRule::Type => &rule::METADATA_TYPE,
        MetadataRule::UnknownField => &rule::UNKNOWN_FIELD,
        MetadataRule::Name => &rule::METADATA_NAME,
        MetadataRule::Namespace => &rule::METADATA_NAMESPACE,
        MetadataRule::ResourceVersion => &rule::RESOURCE_VERSION,
        MetadataRule::Label => &rule::METADATA_LABEL,
        MetadataRule::Annotation => &rule::METADATA_ANNOTATION,
        MetadataRule::Owner => &rule::METADATA_OWNER,
    };
    let draft = ObjectFinding::new(rule, mismatch.path, mismatch.text).help(mismatch.help);
    if mismatch.on_key { draft.key() } else { draft }
}

fn unknown_field(violation: SchemaViolation) -> ObjectFinding {
    let SchemaViolation { path: way, mismatch } = violation;
    let text = format!("unknown field \"{way}\"");
    let help = match (&mismatch, way.last()) {
        (SchemaMismatch::Unknown { known }, Some(PathSegment::Key(name))) => {
            suggest(name, known.iter().map(String::as_str))
        }
        _ => None,
    };
    ObjectFinding::new(&rule::UNKNOWN_FIELD, way, text).key().help(help)
}

/// A violation of the schema in words; `refusals` are what the kind's own rules say.
fn tell(kind: &Kind, object: &Value, violation: SchemaViolation, refusals: &[rules::Violation]) -> ObjectFinding {
    let SchemaViolation { path: mut way, mismatch } = violation;
    let path = way.to_string();
    // findings of all stages name a place in one way; their texts are those of who would say them
    way.iter_mut().for_each(PathSegment::forget_map);
    let value = way.find_in(object);
    let draft = |rule: &'static ValidationRule, way: FieldPath, text: String| ObjectFinding::new(rule, way, text);
    match mismatch {
        SchemaMismatch::Type { expected } | SchemaMismatch::Null { expected } => {
            let got = value.map_or("nothing", json_type_name);
            let help = (expected == "a string" && matches!(value, Some(Value::Bool(_) | Value::Number(_))))
                .then(|| "put it into quotes".to_owned());
            draft(&rule::WRONG_TYPE, way, format!("{path}: expected {expected}, got {got}")).help(help)
        }
        SchemaMismatch::Required { name } => {
            way.push(PathSegment::Key(name));
            let text = format!("{way} is required");
            draft(&rule::REQUIRED_FIELD, way, text)
        }
        SchemaMismatch::Enum { words } => {
            let help = value.and_then(Value::as_str).and_then(|text| suggest(text, words.iter().map(String::as_str)));
            let text = format!("{path}: expected {}", listed(&words));
            draft(&rule::ENUM_VALUE, way, text).help(help)
        }
        SchemaMismatch::Pattern { .. } => pattern(kind, value, way, refusals),
        SchemaMismatch::Format { format } => {
            let text = format!("{path}: this is no {format}");
            draft(&rule::FORMAT, way, text)
        }
        SchemaMismatch::Range { text } => draft(&rule::OUT_OF_RANGE, way, format!("{path}: {text}")),
        SchemaMismatch::Length { text } => draft(&rule::LENGTH, way, format!("{path}: {text}")),
        SchemaMismatch::Count { text } => draft(&rule::COUNT, way, format!("{path}: {text}")),
        SchemaMismatch::Unknown { .. } => unknown_field(SchemaViolation { path: way, mismatch }),
        SchemaMismatch::Rule(RuleFailure::Refused { message, field }) => {
            if let Some(field) = field {
                way.extend(field.to_vec());
            } else if let Some(said) = refusals.iter().find(|refusal| refusal.text == message) {
                way = said.path.clone();
            }
            draft(&rule::CEL_RULE, way, message)
        }
        SchemaMismatch::Rule(RuleFailure::Error { rule: text, error }) => {
            let error = if kind.sensitive { "it cannot be evaluated".to_owned() } else { error };
            draft(&rule::CEL_ERROR, way, format!("rule `{text}` fails: {error}"))
        }
        SchemaMismatch::Rule(RuleFailure::NotChecked { rule: text, why }) => {
            draft(&rule::CEL_UNSUPPORTED, way, format!("the rule `{text}` is not checked: {why}"))
        }
    }
}

/// A text without the form that is asked for, in the words of the rule that the form stands for.
fn pattern(kind: &Kind, value: Option<&Value>, way: FieldPath, refusals: &[rules::Violation]) -> ObjectFinding {
    let inner = way.get(1..).unwrap_or_default();
    let given = value.and_then(Value::as_str).unwrap_or_default();
    // a step may have dropped items before this one: then the index differs, and the rest of the way does not
    let same = |other: &rules::Violation| other.path == way;
    let alike = |other: &rules::Violation| {
        let keys = |way: &[PathSegment]| way.iter().filter(|step| step.name().is_some()).cloned().collect::<Vec<_>>();
        keys(&other.path) == keys(&way)
    };
    let refusal = refusals.iter().find(|other| same(other)).or_else(|| refusals.iter().find(|other| alike(other)));
    if let Some(refusal) = refusal {
        let help = suggest(given.trim(), refusal.words.iter().map(|word| &**word));
        return ObjectFinding::new(&rule::PATTERN, way, refusal.text.clone()).help(help);
    }
    let path = way.to_string();
    let shown = if kind.sensitive { "this value".to_owned() } else { format!("\"{}\"", given.escape_debug()) };
    let help = described(kind, inner);
    ObjectFinding::new(&rule::PATTERN, way, format!("{path}: {shown} has not the form that is asked for")).help(help)
}

/// What the kind's file says of a field.
fn described(kind: &Kind, way: &[PathSegment]) -> Option<String> {
    let node = way.iter().try_fold(&kind.schema, |node, step| match step {
        PathSegment::Key(name) | PathSegment::MapKey(name) => {
            node.properties.get(name).or(node.additional_properties.as_deref())
        }
        PathSegment::Index(_) => node.items.as_deref(),
    })?;
    node.description.clone()
}

fn listed(words: &[String]) -> String {
    match words {
        [one] => format!("\"{one}\""),
        [others @ .., last] => {
            format!("{} or \"{last}\"", others.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "))
        }
        [] => "another value".to_owned(),
    }
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Adds what the operator says, unless it has been said.
fn join(invalid: Invalid, found: &mut Vec<ObjectFinding>) {
    let Invalid { class, path: way, text } = invalid;
    if found.iter().any(|draft| draft.text == text) {
        return;
    }
    if let Some(draft) =
        found.iter_mut().find(|draft| *draft.rule == rule::CEL_RULE && is_told_of_any(&draft.text, &text))
    {
        // a rule over a list cannot say which item it is about
        *draft = ObjectFinding::new(&rule::CEL_RULE, way, text);
        return;
    }
    let same = found.iter_mut().find(|draft| draft.way == way && draft.severity == Severity::Error);
    match same {
        Some(draft) if [&rule::WRONG_TYPE, &rule::OUT_OF_RANGE, &rule::PATTERN].contains(&draft.rule) => {
            draft.text = text;
        }
        Some(draft) => draft.note = Some(format!("in the status: {text}")),
        None => found.push(ObjectFinding::new(rule_of(class), way, text)),
    }
}

/// Whether a text with `*` for an item is this one.
fn is_told_of_any(general: &str, text: &str) -> bool {
    let mut parts = general.split('*');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else { return false };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    general.contains('*')
}

fn rule_of(class: InvalidClass) -> &'static ValidationRule {
    match class {
        InvalidClass::Unreadable | InvalidClass::Malformed => &rule::SYNC_MALFORMED,
        InvalidClass::Metadata => &rule::SYNC_METADATA,
        InvalidClass::Rule => &rule::SYNC_RULE,
        InvalidClass::KeyTooLong => &rule::SYNC_KEY_TOO_LONG,
        InvalidClass::NulCharacter => &rule::SYNC_NUL,
        InvalidClass::TooLarge => &rule::SYNC_TOO_LARGE,
    }
}

/// The server writes `1.0` as `1`, and holds what is beyond 64 bits with a sign as a float.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_u64() && !number.is_i64() => {
            *value = number.as_f64().map_or(Value::Null, Value::from);
        }
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e18);
            #[expect(clippy::cast_possible_truncation, reason = "a whole number that fits")]
            if let Some(float) = float {
                *value = Value::from(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// What stands for a generated name's end.
const GENERATED: &str = "00000";

/// Most bytes of a generated name before that (`MaxGeneratedNameLength` of `apiserver/pkg/storage/names`).
const MAX_PREFIX: usize = 58;

fn generated_name(prefix: &str) -> String {
    format!("{}{GENERATED}", &prefix[..prefix.floor_char_boundary(MAX_PREFIX)])
}

fn is_nameless(metadata: &Map<String, Value>) -> bool {
    metadata.get("name").is_none_or(|name| name.is_null() || name == "")
}

/// Whether the API server makes the object's name: then nobody can know it.
#[must_use]
pub fn is_generated(object: &Value) -> bool {
    object["metadata"].as_object().is_some_and(is_nameless)
}

/// The object as the operator would get it from the API server.
fn resource(kind: &Kind, object: &Value) -> Option<Resource> {
    let metadata = &object["metadata"];
    let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
    let name = text("name");
    if name.is_empty() {
        return None;
    }
    let namespace = match text("namespace") {
        empty if empty.is_empty() => "default".to_owned(),
        named => named,
    };
    let strings = |field: &str| {
        let entries = metadata[field].as_object().into_iter().flatten();
        entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
    };
    Some(Resource {
        id: ResourceId { kind: kind.index, object: ObjectName::new(namespace, name) },
        uid: "".into(),
        generation: 1,
        version: 0,
        created: 0,
        labels: strings("labels"),
        annotations: strings("annotations"),
        finalizers: Vec::new(),
        deleting: false,
        unreadable: None,
        spec: kind.spec_in(object),
        status: Value::Null,
    })
}
