//! What steps fill in, and nobody could write: the schema refuses it.

use serde_json::Value;

use super::takes_all;
use crate::authoring::lint::Desk;
use crate::authoring::lint::mend::{Field, Outcome};
use crate::derive::schema::Schema;
use crate::registry::file::KindFile;

pub(super) fn check(desk: &mut Desk<'_>, file: &KindFile, schema: &Schema, pointer: &str, path: &str) {
    let field = Field::new(file, path);
    for (index, step) in file.normalize.iter().enumerate() {
        let (Some(to), true) = (&step.to, step.set.iter().flatten().any(|target| target == path)) else { continue };
        // a step after it may turn it into what the schema knows
        let Outcome::Kept(Some(last)) = field.run(Some(to.clone()), index + 1) else { continue };
        let Some(key) = refused(schema, to).filter(|_| refused(schema, &last).is_some()) else { continue };
        let message = format!("{to}, which the step {} fills in, is refused here where somebody writes it", index + 1);
        let help = "let the schema take it, or fill in what it takes".to_owned();
        desk.key("default-refused", &format!("{pointer}/{key}"), message, Some(help));
    }
}

/// The constraint that refuses a value.
fn refused(schema: &Schema, value: &Value) -> Option<&'static str> {
    match value {
        Value::String(word) => {
            let long = schema.max_length.is_some_and(|most| word.chars().count() > most as usize);
            let first = super::constraints(schema).into_iter().find(|(_, takes)| !takes(word)).map(|(key, _)| key);
            first.or(long.then_some("maxLength"))
        }
        Value::Number(number) => {
            let whole = number.as_i64()?;
            let low = schema.minimum.is_some_and(|least| whole < least);
            let high = schema.maximum.is_some_and(|most| whole > most);
            low.then_some("minimum").or(high.then_some("maximum"))
        }
        Value::Array(items) => {
            let (few, many) = (schema.min_items.map(|n| n as usize), schema.max_items.map(|n| n as usize));
            let item = |item: &Value| {
                let inner = schema.items.as_deref();
                item.as_str().zip(inner).is_some_and(|(word, inner)| !takes_all(inner, word))
            };
            let wrong = items.iter().any(item).then_some("items");
            let short = few.is_some_and(|few| items.len() < few).then_some("minItems");
            wrong.or(short).or(many.is_some_and(|many| items.len() > many).then_some("maxItems"))
        }
        _ => None,
    }
}
