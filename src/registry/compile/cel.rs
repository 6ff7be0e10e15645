//! CEL of the CRDs: parsed only. What the API server says of types and costs, [`super::super::lint`] tells.

use std::sync::LazyLock;

use cel::{Env, Program};

/// Knows optional values as well, as the API server does.
static ENV: LazyLock<Env> = LazyLock::new(Env::stdlib);

/// A rule's syntax tree; the error is the parser's first line.
pub(in crate::registry) fn parse(rule: &str) -> Result<Program, String> {
    let failed = |text: String| text.lines().next().unwrap_or("cannot be parsed").to_owned();
    ENV.compile(rule).map_err(|errors| failed(errors.to_string()))
}

/// Whether a rule is CEL.
pub(super) fn check(rule: &str) -> Result<(), String> {
    if rule.trim().is_empty() {
        return Err("the rule is empty".to_owned());
    }
    parse(rule).map(|_| ())
}
