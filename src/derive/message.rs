//! A rule's message for the API server, whose texts are fixed: without the values that the operator puts into it.

use crate::normalize::Segment;
use crate::rules::{Message, MessagePart, Piece};

/// The message of a rule; `located` is how the blocks around name their items.
pub(super) fn fixed(message: &Message, located: Option<&Message>) -> String {
    let mut out = String::new();
    let mut closing = false;
    let mut parts = message.parts.iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            MessagePart::Text(text) => {
                let text = if closing { text.strip_prefix(')').unwrap_or(text) } else { text };
                closing = false;
                // what stood before a value that is left out
                let out_of_place = out.ends_with(' ') && text.starts_with([' ', ':', ',', ';', ')']);
                out.truncate(if out_of_place { out.trim_end().len() } else { out.len() });
                out.push_str(text);
            }
            MessagePart::Piece(Piece::At, _) => out.push_str(&located.map(|at| fixed(at, None)).unwrap_or_default()),
            MessagePart::Piece(Piece::Name(_) | Piece::Field(_), _) => out.push('*'),
            MessagePart::Piece(Piece::Value | Piece::Raw | Piece::Finding, _) => {
                let next = match parts.peek() {
                    Some(MessagePart::Text(text)) => text.chars().next(),
                    Some(MessagePart::Piece(..)) | None => None,
                };
                closing = leave_out(&mut out, next);
            }
        }
    }
    out.trim_end().to_owned()
}

/// Takes back what leads to a value alone, such as `, got`; tells whether a parenthesis has gone with it.
fn leave_out(out: &mut String, next: Option<char>) -> bool {
    let ends = next.is_none_or(|next| next == ')');
    let Some(from) = out.rfind([',', ':', '(']).filter(|_| ends) else { return false };
    let opened = out[from..].starts_with('(');
    if opened != (next == Some(')')) || (!opened && out[from + 1..].split_whitespace().count() > 1) {
        return false;
    }
    out.truncate(from);
    out.truncate(out.trim_end().len());
    opened
}

/// The path of a field below a node, as `fieldPath` has it; `None` where it leads through a list or a map, or nowhere.
pub(super) fn field_path(subject: &[Segment], place: &[Segment]) -> Option<String> {
    let rest = subject.strip_prefix(place).filter(|rest| !rest.is_empty())?;
    let names = rest.iter().map(|segment| match segment {
        Segment::Field { name, .. } if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            Some(format!(".{name}"))
        }
        _ => None,
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::MessageError;

    #[test]
    fn values_are_left_out_of_a_message() {
        let cases = [
            ("invalid spec.type {raw|quote}: expected a, or b", "invalid spec.type: expected a, or b"),
            ("invalid spec.timeout {raw|quote}: {detail}", "invalid spec.timeout"),
            ("env[{i}].path must be absolute, got {value|quote}", "env[*].path must be absolute"),
            ("spec.graph.{i}.edges: at most one, found {count}", "spec.graph.*.edges: at most one"),
            ("id {value|quote} must be unique (already used by {first})", "id must be unique"),
            ("unsupported value {raw|quote} (expected \"a\")", "unsupported value (expected \"a\")"),
        ];
        for (template, expected) in cases {
            let piece = |name: &str| -> Result<Piece, MessageError> {
                Ok(match name {
                    "raw" => Piece::Raw,
                    "value" => Piece::Value,
                    "i" => Piece::Name("i".into()),
                    _ => Piece::Finding,
                })
            };
            let message = Message::parse(template, &mut { piece }).unwrap();
            assert_eq!(fixed(&message, None), expected);
        }
    }
}
