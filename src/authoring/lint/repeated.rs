//! Constraints by hand that repeat a rule: what the API server checks follows from the rule.

use super::Desk;
use crate::derive::derive;
use crate::derive::schema::Schema;
use crate::registry::Kind;

pub(super) fn check(desk: &mut Desk<'_>, schema: &Schema, kind: &Kind) {
    let mut without = schema.clone();
    strip(&mut without);
    let program = &kind.program;
    let derived = derive(&without, &program.shape, &program.steps, &program.rules, kind.sensitive);
    compare(desk, schema, &derived.schema, "/schema");
}

fn strip(schema: &mut Schema) {
    schema.pattern = None;
    schema.values.clear();
    schema.properties.values_mut().for_each(strip);
    schema.items.iter_mut().chain(&mut schema.additional_properties).for_each(|inner| strip(inner));
}

fn compare(desk: &mut Desk<'_>, by_hand: &Schema, derived: &Schema, pointer: &str) {
    let key = if by_hand.pattern.is_some() { "pattern" } else { "enum" };
    let constrained = |schema: &Schema| schema.pattern.is_some() || !schema.values.is_empty();
    if constrained(by_hand) && constrained(derived) {
        let message = format!("`{key}` repeats what a rule says of this field");
        let help = format!("take `{key}` out: the constraint of the API server follows from the rule");
        desk.key("schema-repeats-rule", &format!("{pointer}/{key}"), message, Some(help));
    }
    for (name, field) in &by_hand.properties {
        if let Some(other) = derived.properties.get(name) {
            compare(desk, field, other, &format!("{pointer}/properties/{name}"));
        }
    }
    let inner = [
        ("items", &by_hand.items, &derived.items),
        ("additionalProperties", &by_hand.additional_properties, &derived.additional_properties),
    ];
    for (key, by_hand, derived) in inner {
        if let Some((by_hand, derived)) = by_hand.as_deref().zip(derived.as_deref()) {
            compare(desk, by_hand, derived, &format!("{pointer}/{key}"));
        }
    }
}
