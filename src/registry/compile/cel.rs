//! CEL of the CRDs: parsed only. What the API server says of types and costs, [`super::super::lint`] tells.

use cel::{Env, Program};

/// A rule's syntax tree; the error is the parser's first line. Optional values, which the API server knows as well,
/// take an environment, which is large: it is made for those who need it.
pub(in crate::registry) fn parse(rule: &str) -> Result<Program, String> {
    let failed = |text: String| text.lines().next().unwrap_or("cannot be parsed").to_owned();
    let plain = Program::compile(rule).map_err(|errors| failed(errors.to_string()));
    plain.or_else(|error| Env::stdlib().compile(rule).map_err(|_| error))
}

/// Whether a rule is CEL.
pub(in crate::registry) fn check(rule: &str) -> Result<(), String> {
    if rule.trim().is_empty() {
        return Err("the rule is empty".to_owned());
    }
    parse(rule).map(|_| ())
}
