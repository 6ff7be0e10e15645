//! Manifests that are encrypted: what stands in them is no value of anybody's, and is never stored as one.

use serde_json::Value;

use super::finding::ObjectFinding;
use super::rule;
use crate::apimachinery::field_path::{FieldPath, PathSegment};

/// How a value begins that a tool has encrypted, and the tool.
const MARKS: &[(&str, &str)] = &[("ENC[AES256_GCM,", "SOPS"), ("$ANSIBLE_VAULT;", "ansible-vault")];

/// What SOPS writes beside what it has encrypted.
const SOPS: &str = "sops";

/// What is said of an object, or of a whole document, that is encrypted in part or as a whole; at the first place.
#[must_use]
pub fn check(document: &Value) -> Option<ObjectFinding> {
    if document.get(SOPS).is_some_and(Value::is_object) {
        return Some(refused(FieldPath::of(&[SOPS]), "SOPS").key());
    }
    let (way, tool) = find(document)?;
    Some(refused(way.into_iter().rev().collect(), tool))
}

fn refused(way: FieldPath, tool: &str) -> ObjectFinding {
    let text = format!("encrypted by {tool}: what stands here would be stored in place of the values");
    let help = "decrypt it on the way, as Flux does by itself, or sync from a folder of decrypted files".to_owned();
    ObjectFinding::new(&rule::ENCRYPTED, way, text).help(Some(help))
}

/// The first encrypted value, by the way up from it: nearly every object has none, and costs no path.
fn find(value: &Value) -> Option<(Vec<PathSegment>, &'static str)> {
    let (segment, (mut way, tool)) = match value {
        Value::String(text) => {
            let (_, tool) = MARKS.iter().find(|(mark, _)| text.starts_with(mark))?;
            return Some((Vec::new(), tool));
        }
        Value::Object(map) => {
            map.iter().find_map(|(key, value)| find(value).map(|found| (PathSegment::Key(key.clone()), found)))?
        }
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(at, value)| find(value).map(|found| (PathSegment::Index(at), found)))?
        }
        _ => return None,
    };
    way.push(segment);
    Some((way, tool))
}
