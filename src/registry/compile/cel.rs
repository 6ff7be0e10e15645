//! CEL of the CRDs: parsed only. Types and costs are the API server's to judge.

/// Whether a rule is CEL; the error is the parser's first line.
pub(in crate::registry) fn check(rule: &str) -> Result<(), String> {
    if rule.trim().is_empty() {
        return Err("the rule is empty".to_owned());
    }
    match cel::Program::compile(rule) {
        Ok(_) => Ok(()),
        Err(errors) => Err(errors.to_string().lines().next().unwrap_or("cannot be parsed").to_owned()),
    }
}
