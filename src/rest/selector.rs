//! Label selectors: `key=value` pairs, all of which have to hold.

use serde_json::Value;

use super::refusal::Refusal;
use crate::go_compat::quote::quote;

/// Label selector; an empty one takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<(String, String)>);

impl Selector {
    /// Reads pairs parted by commas.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let pairs = parts.map(|part| match part.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
            _ => Err(Refusal::invalid(format!("invalid label selector {}: expected key=value pairs", quote(text)))),
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these labels have all that is asked for.
    #[must_use]
    pub fn takes(&self, labels: &Value) -> bool {
        self.0.iter().all(|(key, value)| labels.get(key).and_then(Value::as_str) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_pairs_have_to_hold() {
        let labels = json!({"tier": "1", "team": "a", "empty": ""});
        for (text, takes) in [
            ("", true),
            ("tier=1", true),
            (" tier = 1 , team=a,", true),
            ("tier=1,team=b", false),
            ("empty=", true),
            ("x=", false),
        ] {
            assert_eq!(Selector::parse(text).unwrap().takes(&labels), takes, "{text}");
        }
        for text in ["a", "=a", "tier=1,b"] {
            assert!(Selector::parse(text).unwrap_err().text.contains("expected key=value pairs"), "{text}");
        }
    }
}
