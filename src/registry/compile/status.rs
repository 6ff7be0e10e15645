//! Fields of a row's status that follow from its key.

use indexmap::IndexMap;

use super::Faults;
use crate::registry::kind::{StatusField, StatusPiece};

/// Digits of a SHA-256.
const DIGITS: usize = 64;

/// Fields that are the runtime's or have a meaning of their own.
const TAKEN: [&str; 4] = ["phase", "lastError", "observedGeneration", "conditions"];

pub(super) fn compile(fields: &IndexMap<String, String>, faults: &mut Faults<'_>) -> Vec<StatusField> {
    let mut compiled = Vec::new();
    for (name, template) in fields {
        let pointer = format!("/store/status/{name}");
        if TAKEN.contains(&name.as_str()) {
            faults.key(&pointer, format!("`{name}` of a status is told by the runtime"));
        }
        match pieces(template) {
            Ok(pieces) => compiled.push(StatusField { name: name.clone(), pieces }),
            Err(fault) => faults.value(&pointer, fault),
        }
    }
    compiled
}

fn pieces(template: &str) -> Result<Vec<StatusPiece>, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((word, after)) = after.split_once('}') else {
            return Err("a `{` has no `}`".to_owned());
        };
        if !before.is_empty() {
            pieces.push(StatusPiece::Text(before.to_owned()));
        }
        pieces.push(match word {
            "namespace" => StatusPiece::Namespace,
            "name" => StatusPiece::Name,
            "key" => StatusPiece::Key,
            "keyHash" => StatusPiece::KeyHash(DIGITS),
            _ => match word.strip_prefix("keyHash:").and_then(|digits| digits.parse().ok()) {
                Some(digits @ 1..=DIGITS) => StatusPiece::KeyHash(digits),
                Some(_) => return Err(format!("a SHA-256 has 1 to {DIGITS} digits")),
                None => {
                    return Err(format!(
                        "`{{{word}}}` is none of `{{namespace}}`, `{{name}}`, `{{key}}`, `{{keyHash:24}}`"
                    ));
                }
            },
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(StatusPiece::Text(rest.to_owned()));
    }
    Ok(pieces)
}
