//! Kinds that are not ours: which of their resources have rows, and how an object becomes a spec.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::file::{Definition, KindFile, Runtime};
use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::diagnostics::{Diagnostic, SourceText};

/// What is particular to a kind that is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Its resources get an annotation with what a status would say; else nothing is written to them.
    pub annotates: bool,
    /// Labels that a resource has to have.
    pub labels: BTreeMap<String, String>,
    /// Namespaces that its resources have to be in; any, where there are none.
    pub namespaces: Vec<String>,
    /// Empty where the spec is the object's own.
    pub(super) fields: Vec<MappedField>,
}

/// A part of the spec, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MappedField {
    /// From the spec; empty for the whole of it.
    pub to: Vec<Box<str>>,
    pub from: ObjectPath,
}

/// The path to a value of an object of any kind: `status.conditions[?type=Ready].status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectPath(Vec<ObjectStep>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum ObjectStep {
    Plain(PathSegment),
    /// The first item of a list whose field has this value.
    Where {
        field: String,
        value: String,
    },
}

impl ObjectPath {
    /// Reads a path; an error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let end = inner.find(if inner.starts_with('\'') { "']" } else { "]" });
                let end = end.ok_or_else(|| format!("path `{text}`: a bracket is left open"))?;
                let quoted = inner.starts_with('\'');
                let (inner, after) = inner.split_at(end);
                rest = after.trim_start_matches('\'').strip_prefix(']').unwrap_or_default();
                steps.push(bracket(inner, quoted).ok_or_else(|| {
                    format!("path `{text}`: `[{inner}]` is neither `[?field=value]`, `['key']` nor `[0]`")
                })?);
                continue;
            }
            let name = match (rest.strip_prefix('.'), steps.is_empty()) {
                (Some(after), false) => after,
                (None, true) => rest,
                _ => return Err(format!("path `{text}`: expected something like `status.conditions[0].type`")),
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return Err(format!("path `{text}`: a name is empty"));
            }
            steps.push(ObjectStep::Plain(PathSegment::Key(name[..end].to_owned())));
            rest = &name[end..];
        }
        if steps.is_empty() { Err("the path is empty".to_owned()) } else { Ok(Self(steps)) }
    }

    /// The value at its end.
    #[must_use]
    pub fn find_in<'v>(&self, object: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(object, |value, step| match step {
            ObjectStep::Plain(PathSegment::Index(index)) => value.get(index),
            ObjectStep::Plain(segment) => value.get(segment.name()?),
            ObjectStep::Where { field, value: wanted } => {
                value.as_array()?.iter().find(|item| item.get(field).and_then(Value::as_str) == Some(wanted))
            }
        })
    }

    /// Name of the object's field that it leads through.
    #[must_use]
    pub fn root(&self) -> &str {
        match self.0.first() {
            Some(ObjectStep::Plain(segment)) => segment.name().unwrap_or_default(),
            _ => "",
        }
    }

    /// The same as far as it leads to one place of a text.
    fn place(&self) -> FieldPath {
        let plain = self.0.iter().map_while(|step| match step {
            ObjectStep::Plain(segment) => Some(segment.clone()),
            ObjectStep::Where { .. } => None,
        });
        plain.collect()
    }
}

fn bracket(inner: &str, quoted: bool) -> Option<ObjectStep> {
    if quoted {
        let key = inner.strip_prefix('\'').filter(|key| !key.is_empty())?;
        return Some(ObjectStep::Plain(PathSegment::Key(key.to_owned())));
    }
    if let Some(test) = inner.strip_prefix('?') {
        let (field, value) = test.split_once('=').filter(|(field, value)| !field.is_empty() && !value.is_empty())?;
        return Some(ObjectStep::Where { field: field.to_owned(), value: value.to_owned() });
    }
    Some(ObjectStep::Plain(PathSegment::Index(inner.parse().ok()?)))
}

impl Foreign {
    /// Whether a resource has a row.
    #[must_use]
    pub fn selects(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        (self.namespaces.is_empty() || self.namespaces.iter().any(|wanted| wanted == namespace))
            && self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// The label selector that the API server is asked with.
    #[must_use]
    pub fn label_selector(&self) -> Option<String> {
        let terms: Vec<_> = self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        (!terms.is_empty()).then(|| terms.join(","))
    }

    /// Whether the spec is made of a field of the object.
    #[must_use]
    pub fn reads(&self, name: &str) -> bool {
        if self.fields.is_empty() { name == "spec" } else { self.fields.iter().any(|field| field.from.root() == name) }
    }

    /// The spec that an object gives; what is not there, or null, is left out.
    #[must_use]
    pub fn spec_in(&self, object: &Value) -> Value {
        if self.fields.is_empty() {
            return object.get("spec").cloned().unwrap_or_default();
        }
        let mut spec = Value::Object(Map::new());
        for field in &self.fields {
            let Some(found) = field.from.find_in(object).filter(|found| !found.is_null()) else { continue };
            let slot = field.to.iter().fold(&mut spec, |value, name| {
                if !value.is_object() {
                    *value = Value::Object(Map::new());
                }
                &mut value[&**name]
            });
            *slot = found.clone();
        }
        spec
    }

    /// Where in the object a path into the spec leads.
    #[must_use]
    pub fn place_of(&self, way: &FieldPath) -> FieldPath {
        let Some((root, within)) = way.split_first().filter(|(root, _)| root.name() == Some("spec")) else {
            return way.clone();
        };
        let from = |field: &&MappedField| {
            let names = within.iter().map(PathSegment::name);
            names.take(field.to.len()).eq(field.to.iter().map(|name| Some(&**name)))
        };
        match self.fields.iter().filter(from).max_by_key(|field| field.to.len()) {
            Some(field) => field.from.place().iter().chain(&within[field.to.len()..]).cloned().collect(),
            None => std::iter::once(root.clone()).chain(within.iter().cloned()).collect(),
        }
    }
}

/// Gives kinds that go into the rows of another one what that one's file says of its rows. What is wrong with that is
/// told.
pub(crate) fn expand(files: &mut [(SourceText, KindFile)]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for at in 0..files.len() {
        let Some(into) = files[at].1.into.clone() else { continue };
        let (source, file) = &files[at];
        let own = [
            ("store", !file.store.table.is_empty()),
            ("secret", file.secret.is_some()),
            ("runtime", file.runtime != Runtime::Reports),
            ("normalize", !file.normalize.is_empty()),
            ("rules", !file.rules.is_empty()),
            ("schema", file.schema.schema_type.is_some()),
            ("api", file.api.is_some()),
        ];
        for (name, _) in own.into_iter().filter(|(_, given)| *given) {
            let message = format!("`{name}` comes from {} of {}, which `into` names", into.kind, into.group);
            problems.push(Diagnostic::at(source, source.key(&format!("/{name}")), message, None));
        }
        let named = |other: &&(SourceText, KindFile)| other.1.kind == into.kind && other.1.group == into.group;
        let target = files.iter().find(named).filter(|(_, target)| target.definition == Definition::Own);
        let Some((target_source, target)) = target else {
            let message = format!("there is no kind {} of {} with rows of its own", into.kind, into.group);
            problems.push(Diagnostic::at(source, source.value("/into/kind"), message, None));
            continue;
        };
        let mut store = target.store.clone();
        store.kind.get_or_insert_with(|| target.kind.clone());
        store.api_version.get_or_insert_with(|| target.api_version());
        let expanded = KindFile {
            store,
            runtime: target.runtime,
            since: target.since.clone(),
            secret: target.secret.clone(),
            reserved_labels: target.reserved_labels.clone(),
            warnings: target.warnings.clone(),
            references: target.references.clone(),
            graph: target.graph.clone(),
            normalize: target.normalize.clone(),
            rules: target.rules.clone(),
            schema: target.schema.clone(),
            basis: target_source.text.clone(),
            ..file.clone()
        };
        files[at].1 = expanded;
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_any_value_of_an_object() {
        let object = json!({
            "data": {"tls.crt": "c"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other"}], "urls": ["a", "b"]},
        });
        let found = |text: &str| ObjectPath::parse(text).unwrap().find_in(&object).cloned();
        assert_eq!(found("data['tls.crt']"), Some(json!("c")));
        assert_eq!(found("status.conditions[?type=Ready].status"), Some(json!("True")));
        assert_eq!(found("status.conditions[?type=Other].status"), None);
        assert_eq!(found("status.conditions[?type=None].status"), None);
        assert_eq!(found("status.urls[1]"), Some(json!("b")));
        assert_eq!(found("data"), Some(json!({"tls.crt": "c"})));
        for wrong in ["", ".data", "data.", "data..a", "a[", "a[x]", "a[?b]", "a[?=c]", "a['']", "a[0]b"] {
            assert!(ObjectPath::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_place_of_the_spec_is_one_of_the_object() {
        let field = |to: &[&str], from: &str| MappedField {
            to: to.iter().map(|name| (*name).into()).collect(),
            from: ObjectPath::parse(from).unwrap(),
        };
        let foreign = Foreign {
            annotates: false,
            labels: BTreeMap::new(),
            namespaces: Vec::new(),
            fields: vec![field(&["data"], "data"), field(&["ready"], "status.conditions[?type=Ready].status")],
        };
        let place = |way: &[&str]| foreign.place_of(&FieldPath::of(way)).to_string();
        assert_eq!(place(&["spec", "data", "token"]), "data.token");
        assert_eq!(place(&["spec", "ready"]), "status.conditions");
        assert_eq!(place(&["metadata", "name"]), "metadata.name");
        assert_eq!(place(&["spec", "other"]), "spec.other");
    }
}
