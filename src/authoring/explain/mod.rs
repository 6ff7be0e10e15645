//! `kinds explain`: all that a kind's file says of a field, in the order in which it applies.

mod relations;
mod words;

use serde::Serialize;

use crate::apimachinery::suggest::suggest;
use crate::cel;
use crate::derive::RuleCoverage;
use crate::derive::schema::{Presence, Schema, SchemaType};
use crate::diagnostics::SourceText;
use crate::registry::file::{ConditionSpec, Definition, KindFile, RuleSpec};
use crate::registry::table::ColumnType;
use crate::registry::{CORE_GROUP, KindFiles, compile, foreign, format};
use crate::resource::KindIndex;

/// A field (or a kind as a whole, at `spec`) and what happens to it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub kind: String,
    pub api_version: String,
    /// `spec.a.b[]`.
    pub path: String,
    #[serde(rename = "type")]
    pub field_type: String,
    pub required: bool,
    pub description: String,
    /// Of a foreign kind: where in the object it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How it stands in the row where the resource leaves it out.
    pub stored: String,
    /// What the API server checks: types and bounds first, then CEL rules.
    pub constraints: Vec<String>,
    /// Normalise steps that touch it or what is below it.
    pub steps: Vec<ExplainedEntry>,
    /// Rules that ask about it or what is below it.
    pub rules: Vec<ExplainedEntry>,
    /// What `validate` looks at: what it names, what is outdated, its part in the graph.
    pub relations: Vec<String>,
    /// Fields that name resources of this kind, where it is explained as a whole.
    pub named_by: Vec<String>,
    /// Columns of the table and of `kubectl get`.
    pub columns: Vec<String>,
    pub fields: Vec<Field>,
}

/// A step or a rule.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedEntry {
    /// Its place in the file, from 1: they apply in this order.
    pub number: String,
    pub text: String,
    /// What is told where a rule refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who checks a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_by: Option<&'static str>,
    /// Why the API server does not check all of a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A field below.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub field_type: String,
    pub required: bool,
    pub description: String,
    /// Fields below this one, where all are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// Why there is nothing to explain.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExplainError {
    #[error("there is no kind `{word}`{}", hint(help.as_ref()))]
    Kind { word: String, help: Option<String> },
    #[error("`{kind}` has no field `{name}` in {path}{}", hint(help.as_ref()))]
    Field { kind: String, path: String, name: String, help: Option<String> },
}

fn hint(help: Option<&String>) -> String {
    help.map(|help| format!(": {help}")).unwrap_or_default()
}

/// Explains `KIND[.path]`; later files replace earlier ones. The files have been loaded before.
pub fn explain(files: KindFiles, what: &str, recursive: bool) -> Result<Explanation, ExplainError> {
    let mut all: Vec<(SourceText, KindFile)> = Vec::new();
    for (name, text) in files {
        let source = SourceText::new(name, text);
        if let Ok(file) = format::read(&source) {
            all.retain(|(_, other)| other.group != file.group || other.kind != file.kind);
            all.push((source, file));
        }
    }
    // they have been loaded: nothing is wrong with them
    let _ = foreign::expand(&mut all);
    let (sources, kinds): (Vec<SourceText>, Vec<KindFile>) = all.into_iter().unzip();
    let (at, path) = find(&kinds, what)?;
    let file = &kinds[at];
    // the constraints that follow from steps and rules are those of the compiled kind
    let compiled = compile::compile(file.clone(), &sources[at], KindIndex(0)).ok();
    let (schema, coverage) =
        compiled.map_or_else(|| (file.schema.clone(), Vec::new()), |kind| (kind.schema, kind.coverage));
    let target = resolve(file, &schema, &path)?;
    let foreign = file.definition == Definition::Foreign;
    Ok(Explanation {
        kind: file.kind.clone(),
        api_version: file.api_version(),
        field_type: type_of(target.schema),
        required: target.required,
        description: match target.path.as_str() {
            "spec" => format!("{}\n{}", file.description, described(target.schema)),
            _ => described(target.schema),
        },
        stored: stored(target.schema, &target.path),
        from: file.fields.get(&target.path).map(|source| source.from.clone()),
        constraints: if foreign { Vec::new() } else { constraints(file, &target) },
        steps: words::steps(file, &target.path),
        rules: rules(file, &target.path, &coverage),
        relations: relations::told(file, &target.path),
        named_by: if target.path == "spec" { relations::named_by(&kinds, file) } else { Vec::new() },
        columns: columns(file, &target.path),
        fields: fields(target.schema, recursive),
        path: target.path,
    })
}

/// The kind, and the rest of the path. A kind's full name has dots of its own.
fn find(kinds: &[KindFile], what: &str) -> Result<(usize, Vec<String>), ExplainError> {
    let parts: Vec<&str> = what.split('.').collect();
    for length in (1..=parts.len()).rev() {
        let word = parts[..length].join(".").to_lowercase();
        let named = |file: &&KindFile| {
            let group = if file.group.is_empty() { CORE_GROUP } else { &file.group };
            let in_group = |name: &str| format!("{name}.{group}") == word;
            names(file).contains(&word) || in_group(&file.plural) || in_group(&file.kind.to_lowercase())
        };
        if let Some(at) = kinds.iter().position(|file| named(&file)) {
            return Ok((at, parts[length..].iter().map(|part| (*part).to_owned()).collect()));
        }
    }
    let words: Vec<String> = kinds.iter().flat_map(|file| names(file).into_iter().take(2)).collect();
    let help = suggest(&parts[0].to_lowercase(), words.iter().map(String::as_str));
    let help = help.or_else(|| Some("`orloj-operator kinds list` names them".to_owned()));
    Err(ExplainError::Kind { word: parts[0].to_owned(), help })
}

fn names(file: &KindFile) -> Vec<String> {
    let mut names = vec![file.kind.to_lowercase(), file.plural.clone()];
    names.extend(file.singular.clone());
    names.extend(file.short_names.iter().cloned());
    names
}

struct ExplainedField<'f> {
    path: String,
    schema: &'f Schema,
    required: bool,
    /// The nodes on the way, the spec first, each with the rest of the way.
    above: Vec<(&'f Schema, Vec<String>)>,
}

/// Follows a path; the way through lists and maps need not be written.
fn resolve<'f>(file: &KindFile, schema: &'f Schema, path: &[String]) -> Result<ExplainedField<'f>, ExplainError> {
    let mut target = ExplainedField { path: "spec".to_owned(), schema, required: false, above: Vec::new() };
    let mut passed: Vec<(&Schema, usize)> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let rest = path.strip_prefix(&["spec".to_owned()]).unwrap_or(path);
    for part in rest {
        let (name, brackets) = (part.trim_end_matches("[]"), part.ends_with("[]"));
        if name == "*" && target.schema.additional_properties.is_some() {
            enter(&mut target);
            continue;
        }
        passed.push((target.schema, names.len()));
        while target.schema.properties.is_empty() && enter(&mut target) {}
        let Some(child) = target.schema.properties.get(name) else {
            let known = || target.schema.properties.keys().map(String::as_str);
            let help = suggest(name, known()).or_else(|| Some(fields_of(known())));
            let (kind, path) = (file.kind.clone(), target.path.clone());
            return Err(ExplainError::Field { kind, path, name: name.to_owned(), help });
        };
        target.required = target.schema.required.iter().any(|required| required == name);
        target.schema = child;
        target.path = format!("{}.{name}", target.path);
        names.push(name.to_owned());
        if brackets {
            enter(&mut target);
        }
    }
    passed.push((target.schema, names.len()));
    target.above = passed.into_iter().map(|(schema, at)| (schema, names[at..].to_vec())).collect();
    Ok(target)
}

/// Where no name is near: all there are.
fn fields_of<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "it has no fields".to_owned() } else { format!("it has {}", names.join(", ")) }
}

/// Into a list or a map.
fn enter(target: &mut ExplainedField<'_>) -> bool {
    if let Some(items) = &target.schema.items {
        target.path.push_str("[]");
        target.schema = items;
    } else if let Some(values) = &target.schema.additional_properties {
        target.path.push_str(".*");
        target.schema = values;
    } else {
        return false;
    }
    true
}

fn described(schema: &Schema) -> String {
    schema.description.as_deref().map(str::trim).unwrap_or_default().to_owned()
}

fn type_of(schema: &Schema) -> String {
    if schema.preserve_unknown_fields == Some(true) {
        let known = !schema.properties.is_empty();
        return if known { "object, with unknown fields kept" } else { "free-form object" }.to_owned();
    }
    if schema.is_int_or_string() {
        return "integer or string".to_owned();
    }
    match schema.schema_type {
        Some(SchemaType::Array) => {
            format!("list of {}", schema.items.as_ref().map(|items| type_of(items)).unwrap_or_default())
        }
        Some(SchemaType::Object) => match &schema.additional_properties {
            Some(values) => format!("map of {}", type_of(values)),
            None => "object".to_owned(),
        },
        Some(SchemaType::String) => "string".to_owned(),
        Some(SchemaType::Integer) => "integer".to_owned(),
        Some(SchemaType::Number) => "number".to_owned(),
        Some(SchemaType::Boolean) => "boolean".to_owned(),
        None => "anything".to_owned(),
    }
}

fn stored(schema: &Schema, path: &str) -> String {
    let within = path.ends_with("[]") || path.ends_with(".*");
    match schema.store.unwrap_or_default() {
        _ if path == "spec" => "always",
        _ if within => "as part of what it is in",
        Presence::OmitZero => "only with a value other than zero or empty",
        Presence::Always => "always, at least as its zero value",
        Presence::Pointer => "where the resource has it, whatever its value",
    }
    .to_owned()
}

fn fields(schema: &Schema, recursive: bool) -> Vec<Field> {
    let mut node = schema;
    while node.properties.is_empty() {
        match node.items.as_ref().or(node.additional_properties.as_ref()) {
            Some(inner) => node = inner,
            None => break,
        }
    }
    let field = |(name, child): (&String, &Schema)| Field {
        name: name.clone(),
        field_type: type_of(child),
        required: node.required.contains(name),
        description: described(child),
        fields: if recursive { fields(child, true) } else { Vec::new() },
    };
    node.properties.iter().map(field).collect()
}

/// The API server's checks: of the field itself, then the CEL rules, those around it where they look at it.
fn constraints(file: &KindFile, target: &ExplainedField<'_>) -> Vec<String> {
    let schema = target.schema;
    let mut found = Vec::new();
    let mut add = |word: &str, value: Option<String>| found.extend(value.map(|value| format!("{word} {value}")));
    add("is required", target.required.then(String::new));
    let default = schema.default.as_ref().map(ToString::to_string);
    add("filled in where it is left out, before CEL rules:", default);
    add("format", schema.format.clone());
    add("one of", (!schema.values.is_empty()).then(|| schema.values.join(", ")));
    add("pattern", schema.pattern.clone());
    add("at least", schema.minimum.map(|least| least.to_string()));
    add("at most", schema.maximum.map(|most| most.to_string()));
    add("at least this many characters:", schema.min_length.map(|least| least.to_string()));
    add("at most this many characters:", schema.max_length.map(|most| most.to_string()));
    add("at least this many items:", schema.min_items.map(|least| least.to_string()));
    add("at most this many items:", schema.max_items.map(|most| most.to_string()));
    add("at most this many entries:", schema.max_properties.map(|most| most.to_string()));
    for (node, way) in &target.above {
        for validation in &node.validations {
            let looks = |path: &Vec<String>| way.is_empty() || path.starts_with(way);
            if cel::paths(&validation.rule).iter().any(looks) {
                let rule = validation.rule.split_whitespace().collect::<Vec<_>>().join(" ");
                found.push(format!("CEL: {rule}\n{}", validation.message));
            }
        }
    }
    let secret = file.secret.as_ref().filter(|secret| target.path.starts_with(&secret.data));
    found.extend(secret.map(|_| "secret: encrypted at rest, and in no message".to_owned()));
    found.into_iter().map(|text| text.trim_end().to_owned()).collect()
}

/// Whether one of two paths leads to or through the other. What is said of the whole is said of its parts.
fn touches(path: &str, wanted: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let path = path.strip_prefix("raw.").unwrap_or(path);
    within(path, wanted) || within(wanted, path) && path != "spec"
}

/// The paths that a condition looks at.
fn looked_at(condition: &ConditionSpec, item: &str, found: &mut Vec<String>) {
    found.extend(condition.path.as_ref().map(|path| absolute(path, item)));
    for inner in condition.all.iter().chain(&condition.any).flatten().chain(condition.not.as_deref()) {
        looked_at(inner, item, found);
    }
}

fn absolute(path: &str, item: &str) -> String {
    match path {
        "." => item.to_owned(),
        path if path.starts_with(['.', '[']) => format!("{item}{path}"),
        path => path.to_owned(),
    }
}

fn rules(file: &KindFile, wanted: &str, coverage: &[RuleCoverage]) -> Vec<ExplainedEntry> {
    let mut found = Vec::new();
    block(&file.rules, "", "spec", &[], wanted, &mut found);
    for entry in &mut found {
        let known = coverage.iter().find(|rule| rule.number() == entry.number);
        entry.checked_by = known.map(|rule| rule.checked_by.told());
        entry.why = known.and_then(|rule| rule.why.clone());
    }
    found
}

/// `around` are the conditions of the blocks around.
fn block(
    rules: &[RuleSpec],
    number: &str,
    item: &str,
    around: &[String],
    wanted: &str,
    found: &mut Vec<ExplainedEntry>,
) {
    for (index, rule) in rules.iter().enumerate() {
        let number = format!("{number}{}", index + 1);
        let mut around = around.to_vec();
        around.extend(rule.when.as_ref().map(|when| words::condition(when, item)));
        if let Some(each) = &rule.each {
            let rules = rule.rules.as_deref().unwrap_or_default();
            block(rules, &format!("{number}."), &absolute(each, item), &around, wanted, found);
            continue;
        }
        let mut paths: Vec<String> = rule.path.as_ref().map(|path| absolute(path, item)).into_iter().collect();
        let others = rule.any_nonblank.iter().chain(&rule.none_nonblank).flatten();
        paths.extend(others.map(|path| absolute(path, item)));
        if let Some(when) = &rule.when {
            looked_at(when, item, &mut paths);
        }
        if paths.is_empty() {
            paths.push(item.to_owned());
        }
        if paths.iter().any(|path| touches(path, wanted)) {
            let text = words::rule(rule, item, &around);
            found.push(ExplainedEntry { number, text, message: rule.message.clone(), checked_by: None, why: None });
        }
    }
}

fn columns(file: &KindFile, wanted: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, column) in &file.store.columns {
        let from = column.from.as_deref();
        if from.is_some_and(|from| touches(from, wanted)) {
            let from = from.unwrap_or_default();
            let apply: Vec<String> = column.apply.iter().map(|how| format!("{how:?}").to_lowercase()).collect();
            let how = match column.column_type {
                ColumnType::Text if apply.is_empty() => String::new(),
                ColumnType::Text => format!(", {}", apply.join(" and ")),
                other => format!(", a column of type {}", other.told()),
            };
            found.push(format!("{}.{name}: {from}{how}", file.store.table));
        } else if column.hash.is_some() {
            found.push(format!("{}.{name}: SHA-256 of the whole spec", file.store.table));
        }
    }
    for column in &file.printer_columns {
        let path = column.json_path.trim_start_matches('.');
        if touches(path, wanted) {
            found.push(format!("kubectl get: {}", column.name));
        }
    }
    found
}
