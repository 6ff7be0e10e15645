//! The CEL rules of the schema.

use super::Desk;
use crate::apimachinery::suggest::suggest;
use crate::cel::{self, CRD_LIMIT, RULE_LIMIT, RuleVerdict};
use crate::derive::schema::{Schema, Validation};
use crate::kube_schema::SchemaNode;
use crate::registry::file::KindFile;

pub(super) fn check(desk: &mut Desk<'_>, file: &KindFile) {
    node(desk, &file.schema, "/schema");
    rules(desk, &file.schema);
}

fn node(desk: &mut Desk<'_>, schema: &Schema, pointer: &str) {
    for (index, validation) in schema.validations.iter().enumerate() {
        field_path(desk, schema, validation, &format!("{pointer}/x-kubernetes-validations/{index}/fieldPath"));
    }
    for (name, child) in &schema.properties {
        node(desk, child, &format!("{pointer}/properties/{name}"));
    }
    for (key, child) in [("items", &schema.items), ("additionalProperties", &schema.additional_properties)] {
        if let Some(child) = child {
            node(desk, child, &format!("{pointer}/{key}"));
        }
    }
}

fn rules(desk: &mut Desk<'_>, schema: &Schema) {
    let mut total = 0_u64;
    SchemaNode::compile(&schema.openapi(), &mut Vec::new()).check_rule_costs(&mut |pointer, verdict| {
        let at = format!("/schema{pointer}/rule");
        match verdict {
            RuleVerdict::Refused { message, help } => {
                desk.value("cel-type", &at, format!("the API server would refuse the rule: {message}"), help);
            }
            RuleVerdict::NotChecked { what } => {
                let help =
                    "`kinds crds --kinds DIR | kubectl apply --server-side --dry-run=server -f -` asks an API server"
                        .to_owned();
                desk.value("cel-unjudged", &at, format!("the rule cannot be checked here: {what}"), Some(help));
            }
            RuleVerdict::Cost { cost } => {
                total = total.saturating_add(cost);
                if cost > RULE_LIMIT {
                    let message = format!("the rule's estimated cost is {}", times(cost, RULE_LIMIT));
                    desk.value("cel-cost", &at, message, Some(BOUNDS.to_owned()));
                }
            }
        }
    });
    if total > CRD_LIMIT {
        let message = format!("the estimated cost of all rules together is {}", times(total, CRD_LIMIT));
        desk.key("cel-cost-total", "/schema", message, Some(BOUNDS.to_owned()));
    }
    constant(desk, schema, "/schema");
}

const BOUNDS: &str = "give strings `maxLength`, lists `maxItems` and maps `maxProperties`, or make the rule simpler";

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn times(cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    if factor > 100.0 {
        return "more than 100 times what the API server allows".to_owned();
    }
    format!("{factor:.2} times what the API server allows")
}

/// Rules that do not look at what they judge.
fn constant(desk: &mut Desk<'_>, schema: &Schema, pointer: &str) {
    for (index, validation) in schema.validations.iter().enumerate() {
        if cel::paths(&validation.rule).is_empty() {
            let at = format!("{pointer}/x-kubernetes-validations/{index}/rule");
            let help = "fields are reached by `self`".to_owned();
            desk.value(
                "cel-constant",
                &at,
                "the rule does not look at `self`: its answer is always the same",
                Some(help),
            );
        }
    }
    for (name, child) in &schema.properties {
        constant(desk, child, &format!("{pointer}/properties/{name}"));
    }
    for (key, child) in [("items", &schema.items), ("additionalProperties", &schema.additional_properties)] {
        if let Some(child) = child {
            constant(desk, child, &format!("{pointer}/{key}"));
        }
    }
}

/// Where a CEL rule puts the blame: `.a.b` or `['a']`, no lists.
fn field_path(desk: &mut Desk<'_>, schema: &Schema, validation: &Validation, at: &str) {
    const ID: &str = "cel-field-path";
    let Some(path) = &validation.field_path else { return };
    let mut node = schema;
    let plain = path.replace("['", ".").replace("']", "");
    let Some(rest) = plain.strip_prefix('.') else {
        desk.value(ID, at, format!("`{path}`: the path of a field begins with `.`"), None);
        return;
    };
    for name in rest.split('.') {
        if let Some(values) = node.additional_properties.as_deref().filter(|_| path.contains("['")) {
            node = values;
        } else if let Some(child) = node.properties.get(name) {
            node = child;
        } else {
            let help = suggest(name, node.properties.keys().map(String::as_str));
            desk.value(ID, at, format!("`{path}` leads nowhere: there is no field `{name}`"), help);
            return;
        }
    }
}
