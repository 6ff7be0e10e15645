//! Where two JSON values differ, path by path.

use serde_json::Value;

use crate::apimachinery::field_path::{FieldPath, PathSegment};

/// Takes one difference: the path, and what stands there on either side.
pub type Visit<'t> = dyn FnMut(&FieldPath, Option<&Value>, Option<&Value>) + 't;

/// Visits all differences in the order of their paths, going down as far as both sides are of one shape.
pub fn compare(before: &Value, after: &Value, visit: &mut Visit<'_>) {
    walk(&mut FieldPath::new(), Some(before), Some(after), visit);
}

fn walk(path: &mut FieldPath, before: Option<&Value>, after: Option<&Value>, visit: &mut Visit<'_>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            let mut keys: Vec<&String> = old.keys().chain(added).collect();
            keys.sort_unstable();
            for key in keys.into_iter().filter(|key| old.get(*key) != new.get(*key)) {
                path.push(PathSegment::Key(key.clone()));
                walk(path, old.get(key), new.get(key), visit);
                path.pop();
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                path.push(PathSegment::Index(index));
                walk(path, old.get(index), new.get(index), visit);
                path.pop();
            }
        }
        (before, after) => visit(path, before, after),
    }
}
