//! CEL of the CRDs: parsed only. What the API server says of types and costs, [`super::super::lint`] tells.

use crate::cel;

/// Whether a rule is CEL.
pub(crate) fn check(rule: &str) -> Result<(), String> {
    if rule.trim().is_empty() {
        return Err("the rule is empty".to_owned());
    }
    cel::parse(rule).map_err(|error| error.to_string())
}
