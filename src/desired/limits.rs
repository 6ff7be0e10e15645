//! Limits of a row: depth of its spec, and size of what it stores.

use serde_json::Value;

use super::{Desired, Invalid, InvalidClass};
use crate::apimachinery::field_path::FieldPath;
use crate::go_compat::json as go_json;

/// Most bytes of spec, labels and annotations together, as JSON. Kubernetes itself refuses objects beyond about
/// 1.5 MiB (etcd) to 3 MiB (request body), so only a manifest from a folder ever meets this.
pub const MAX_PAYLOAD_BYTES: usize = 4 << 20;

/// Most levels of objects and arrays in a spec. The row has to be read back, also by programs that stop at 128.
pub const MAX_DEPTH: usize = 100;

pub(super) fn check_depth(spec: &Value) -> Result<(), Invalid> {
    if fits(spec, MAX_DEPTH) {
        return Ok(());
    }
    let text = format!("spec: nested deeper than {MAX_DEPTH} levels");
    Err(Invalid { class: InvalidClass::TooLarge, path: FieldPath::of(&["spec"]), text })
}

fn fits(value: &Value, levels: usize) -> bool {
    let below = levels.checked_sub(1);
    match value {
        Value::Array(items) => below.is_some_and(|below| items.iter().all(|item| fits(item, below))),
        Value::Object(fields) => below.is_some_and(|below| fields.values().all(|field| fits(field, below))),
        _ => true,
    }
}

/// Measures exactly only what comes near the limit: escapes make a byte six at most.
pub(super) fn check_size(desired: &Desired) -> Result<(), Invalid> {
    let plain: usize = desired.labels.iter().chain(&desired.annotations).map(|(k, v)| k.len() + v.len() + 6).sum();
    let rough = rough_len(&desired.spec) + plain;
    if rough <= MAX_PAYLOAD_BYTES / 6 {
        return Ok(());
    }
    let exact = go_json::encoded_len(&desired.spec) + plain;
    if exact <= MAX_PAYLOAD_BYTES {
        return Ok(());
    }
    let text = format!("the resource is too large: {exact} bytes as stored, at most {MAX_PAYLOAD_BYTES} are accepted");
    Err(Invalid { class: InvalidClass::TooLarge, path: FieldPath::of(&["spec"]), text })
}

fn rough_len(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        Value::Array(items) => 2 + items.iter().map(rough_len).sum::<usize>(),
        Value::Object(map) => 2 + map.iter().map(|(key, value)| key.len() + 4 + rough_len(value)).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 24,
    }
}
