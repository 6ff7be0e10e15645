//! Paths of kind files, followed through an object before it is normalised.

use serde_json::Value;

use crate::apimachinery::field_path::{FieldPath, PathSegment};
use crate::normalize::{PathPattern, Root, Segment};

/// Calls `visit` for each value that the path leads to, with the way to it. `item` is where relative paths start.
pub fn each<'v>(
    path: &PathPattern,
    object: &'v Value,
    item: Option<(&'v Value, &FieldPath)>,
    visit: &mut dyn FnMut(&'v Value, &FieldPath),
) {
    let spec = || (object.get("spec").unwrap_or(&Value::Null), FieldPath::of(&["spec"]));
    let (from, mut way) = match (path.root, item) {
        (Root::Item, Some((item, way))) => (item, way.clone()),
        (Root::Item, None) => return,
        (Root::Spec | Root::Raw, _) => spec(),
    };
    follow(&path.segments, from, &mut way, visit);
}

/// The one value that a path of fields leads to.
#[must_use]
pub fn one<'v>(path: &PathPattern, item: &'v Value) -> Option<&'v Value> {
    path.segments.iter().try_fold(item, |value, segment| match segment {
        Segment::Field { name, .. } => value.get(&**name),
        Segment::Values | Segment::Items => None,
    })
}

fn follow<'v>(
    segments: &[Segment],
    value: &'v Value,
    way: &mut FieldPath,
    visit: &mut dyn FnMut(&'v Value, &FieldPath),
) {
    let [segment, rest @ ..] = segments else { return visit(value, way) };
    match (segment, value) {
        (Segment::Field { name, .. }, Value::Object(map)) => {
            if let Some(inner) = map.get(&**name) {
                way.push(PathSegment::Key(name.to_string()));
                follow(rest, inner, way, visit);
                way.pop();
            }
        }
        (Segment::Values, Value::Object(map)) => {
            for (key, inner) in map {
                way.push(PathSegment::Key(key.clone()));
                follow(rest, inner, way, visit);
                way.pop();
            }
        }
        (Segment::Items, Value::Array(items)) => {
            for (index, inner) in items.iter().enumerate() {
                way.push(PathSegment::Index(index));
                follow(rest, inner, way, visit);
                way.pop();
            }
        }
        _ => {}
    }
}
