//! A draft as the text of a kind's file.

use serde_json::Value;

use super::checks;
use super::yaml::{self, Entry, Item};
use super::{Derived, Draft, Notes};
use crate::authoring::lint;
use crate::derive::schema::{Schema, Validation};
use crate::diagnostics::Severity;
use crate::registry::Registry;
use crate::registry::file::PrinterColumn;

const MODELINE: &str = "# yaml-language-server: $schema=https://raw.githubusercontent.com/orlojhq/orloj-operator/main/kinds/kind.schema.json\n";

/// The file's text. What `kinds lint` has to say of names and columns that are so in the original is allowed at the
/// top: a CRD without printer columns stays one.
pub fn render(draft: &Draft) -> String {
    let text = text(draft, &[]);
    let mut ids: Vec<&str> = Vec::new();
    for finding in lint::lint(vec![("draft.yaml".to_owned(), text.clone())], Registry::embedded_files()) {
        let faithful = finding.lint.severity == Severity::Warning || finding.lint.id == "printer-path";
        if faithful && !ids.contains(&finding.lint.id) {
            ids.push(finding.lint.id);
        }
    }
    if ids.is_empty() { text } else { self::text(draft, &ids) }
}

fn text(draft: &Draft, allowed: &[&str]) -> String {
    let mut out = MODELINE.to_owned();
    yaml::comment(&mut out, 0, &format!("Drafted from {}. Read it before you use it.", draft.origin));
    left_out(&mut out, &draft.notes);
    if !allowed.is_empty() {
        out.push_str("#\n");
    }
    for id in allowed {
        yaml::comment(&mut out, 0, &format!("lint-allow {id}: so it is in what this was drafted from"));
    }
    yaml::entries(&mut out, 0, &names(draft));
    for section in [printer_columns(draft), vec![store(draft), runtime()], normalize(draft), rules(draft)] {
        if !section.is_empty() {
            out.push('\n');
            yaml::entries(&mut out, 0, &section);
        }
    }
    out.push('\n');
    let about = "OpenAPI v3 of spec, for the CRD and its API server. `store: pointer` keeps what a resource gives, zeros \
                 included; without it a zero (\"\", 0, false) is the same as nothing.";
    yaml::comment(&mut out, 0, about);
    yaml::entries(&mut out, 0, &[Entry::new("schema", Item::Map(schema(&draft.schema)))]);
    out
}

fn left_out(out: &mut String, notes: &Notes) {
    let lines = notes.lines();
    if !lines.is_empty() {
        out.push_str("#\n# Not as it was there, or a guess:\n");
    }
    for line in lines {
        let line: String = line.split_whitespace().collect::<Vec<_>>().join(" ");
        yaml::comment(out, 0, &format!("- {line}"));
    }
}

fn names(draft: &Draft) -> Vec<Entry> {
    let mut all = vec![Entry::scalar("group", draft.group.as_str())];
    all.extend(draft.approval.as_deref().map(|approval| Entry::scalar("approval", approval)));
    all.extend([
        Entry::scalar("version", draft.version.as_str()),
        Entry::scalar("kind", draft.kind.as_str()),
        Entry::scalar("plural", draft.plural.as_str()),
    ]);
    if let Some(singular) = &draft.singular {
        all.push(Entry::scalar("singular", singular.as_str()));
    }
    if !draft.short_names.is_empty() {
        all.push(Entry::words("shortNames", &draft.short_names));
    }
    all.push(Entry::scalar("description", draft.description.as_str()));
    all
}

fn printer_columns(draft: &Draft) -> Vec<Entry> {
    if draft.printer_columns.is_empty() {
        return Vec::new();
    }
    let column = |column: &PrinterColumn| {
        let mut entries =
            vec![Entry::scalar("name", column.name.as_str()), Entry::scalar("jsonPath", column.json_path.as_str())];
        entries.extend(column.column_type.as_deref().map(|name| Entry::scalar("type", name)));
        entries.extend(column.priority.map(|priority| Entry::scalar("priority", priority)));
        entries.extend(column.description.as_deref().map(|text| Entry::scalar("description", text)));
        entries
    };
    let columns = draft.printer_columns.iter().map(column).collect();
    let about = "Of kubectl get; Phase and Age follow by themselves.";
    vec![Entry::new("printerColumns", Item::List(columns)).with_comment(about)]
}

fn store(draft: &Draft) -> Entry {
    let mut entries = vec![
        Entry::scalar("table", draft.table.as_str()),
        Entry::scalar("owner", "operator").with_comment("Who makes the table; `orlojd` where orlojd does."),
    ];
    if draft.columns.is_empty() {
        let about = "Besides name, namespace, status_phase and payload there can be columns of your own, each copied \
                     from a field:\ncolumns:\n  size: {from: spec.size}";
        entries.push(Entry::scalar("initialPhase", draft.initial_phase.as_str()).with_comment(about));
    } else {
        let columns =
            draft.columns.iter().map(|(name, derived)| Entry::new(name, Item::Map(column(derived)))).collect();
        let about = "Besides name, namespace, status_phase and payload.";
        entries.push(Entry::new("columns", Item::Map(columns)).with_comment(about));
        if !draft.indexes.is_empty() {
            entries.push(Entry::words("indexes", &draft.indexes));
        }
        entries.push(Entry::scalar("initialPhase", draft.initial_phase.as_str()));
    }
    Entry::new("store", Item::Map(entries))
}

fn column(derived: &Derived) -> Vec<Entry> {
    match derived {
        Derived::SpecHash => vec![Entry::scalar("hash", "spec")],
        Derived::Path { from, trim, lower, default } => {
            let mut entries = vec![Entry::scalar("from", from.as_str())];
            let transforms: Vec<_> =
                [(*trim, "trim"), (*lower, "lower")].into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect();
            if !transforms.is_empty() {
                entries.push(Entry::words("apply", &transforms));
            }
            if !default.is_empty() {
                entries.push(Entry::scalar("default", default.as_str()));
            }
            entries
        }
    }
}

fn runtime() -> Entry {
    let about = "Nobody reports on the rows, so Ready follows Synced; `reports` where orlojd does.";
    Entry::scalar("runtime", "silent").with_comment(about)
}

fn normalize(draft: &Draft) -> Vec<Entry> {
    if draft.defaults.is_empty() {
        return Vec::new();
    }
    let step = |(path, value): &(String, Value)| {
        vec![
            Entry::words("set", &[path.as_str()]),
            Entry::new("to", Item::Json(value.clone())),
            Entry::scalar("if", "absent"),
        ]
    };
    let about = "Defaults. The row has them; the resource itself stays as it was applied.";
    vec![Entry::new("normalize", Item::List(draft.defaults.iter().map(step).collect())).with_comment(about)]
}

fn rules(draft: &Draft) -> Vec<Entry> {
    let rules = checks::rules(&draft.schema, draft.spec_optional);
    if rules.is_empty() {
        return Vec::new();
    }
    let about = "What the schema requires and enumerates, for where no API server checks it (`orloj-operator sync`).";
    vec![Entry::new("rules", Item::List(rules)).with_comment(about)]
}

fn schema(schema: &Schema) -> Vec<Entry> {
    let mut all = Vec::new();
    let openapi = schema.openapi();
    let given = |key: &str| openapi.get(key).filter(|value| !value.is_null());
    all.extend(given("type").map(|value| Entry::scalar("type", value.clone())));
    all.extend(schema.store.map(|stored| Entry::scalar("store", checks::presence(stored))));
    all.extend(given("description").map(|value| Entry::scalar("description", value.clone())));
    for key in
        ["format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"]
    {
        all.extend(given(key).map(|value| Entry::scalar(key, value.clone())));
    }
    if !schema.values.is_empty() {
        all.push(Entry::words("enum", &schema.values));
    }
    if !schema.required.is_empty() {
        all.push(Entry::words("required", &schema.required));
    }
    if !schema.validations.is_empty() {
        let rules = schema.validations.iter().map(validation).collect();
        all.push(Entry::new("x-kubernetes-validations", Item::List(rules)));
    }
    all.extend(schema.int_or_string.map(|on| Entry::scalar("x-kubernetes-int-or-string", on)));
    all.extend(schema.default.clone().map(|value| Entry::new("default", Item::Json(value))));
    all.extend(schema.preserve_unknown_fields.map(|on| Entry::scalar("x-kubernetes-preserve-unknown-fields", on)));
    for (key, inner) in [("items", &schema.items), ("additionalProperties", &schema.additional_properties)] {
        all.extend(inner.as_deref().map(|inner| Entry::new(key, Item::Map(self::schema(inner)))));
    }
    if !schema.properties.is_empty() {
        let fields = schema.properties.iter().map(|(name, field)| Entry::new(name, Item::Map(self::schema(field))));
        all.push(Entry::new("properties", Item::Map(fields.collect())));
    }
    all
}

fn validation(rule: &Validation) -> Vec<Entry> {
    let mut entries = vec![Entry::scalar("rule", rule.rule.as_str()), Entry::scalar("message", rule.message.as_str())];
    entries.extend(rule.field_path.as_deref().map(|path| Entry::scalar("fieldPath", path)));
    entries
}
