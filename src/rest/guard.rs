//! The conflict policy: what becomes of a write to a row that the operator owns.

use std::fmt;

use super::refusal::Refusal;
use crate::go_compat::quote::quote;

/// What is done about writes to rows that the operator owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// They pass.
    Off,
    /// They pass, with a header and a line in the log; the operator puts the row right at its next look.
    #[default]
    Warn,
    /// They are refused.
    Reject,
}

impl ConflictPolicy {
    /// As orlojd reads it: in any case, and `warn` for whatever it does not know.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.trim().to_lowercase().as_str() {
            "off" => Self::Off,
            "reject" => Self::Reject,
            _ => Self::Warn,
        }
    }

    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Reject => "reject",
        }
    }
}

impl fmt::Display for ConflictPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// How the policy judged a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody owns the row, or nobody minds.
    Passed,
    Warned,
    Rejected,
}

impl Verdict {
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Rejected => "rejected",
        }
    }
}

/// Guard of one write. It is asked at the place in the order of checks where orlojd asks; what it said is kept, since the
/// header rides on whatever comes after.
#[derive(Debug)]
pub struct Guard<'k> {
    policy: ConflictPolicy,
    kind: &'k str,
    name: &'k str,
    verdict: Option<Verdict>,
}

/// What is said of a row that a resource owns, as orlojd says it.
#[must_use]
pub fn rejection(kind: &str, name: &str) -> String {
    let name = quote(name);
    format!("{kind} {name} is managed by a CRD \u{2014} update it via kubectl apply or your Git repo, not the REST API")
}

impl<'k> Guard<'k> {
    #[must_use]
    pub fn new(policy: ConflictPolicy, kind: &'k str, name: &'k str) -> Self {
        Self { policy, kind, name, verdict: None }
    }

    /// Judges a write to a row that stands there.
    pub fn judge(&mut self, managed: bool) -> Result<(), Refusal> {
        let verdict = match self.policy {
            ConflictPolicy::Warn if managed => Verdict::Warned,
            ConflictPolicy::Reject if managed => Verdict::Rejected,
            ConflictPolicy::Off | ConflictPolicy::Warn | ConflictPolicy::Reject => Verdict::Passed,
        };
        self.verdict = Some(verdict);
        if verdict != Verdict::Rejected {
            return Ok(());
        }
        Err(Refusal::conflict(rejection(self.kind, self.name)))
    }

    /// What it said; `None` where it was not asked.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Whether the answer carries the header.
    #[must_use]
    pub fn speaks(&self) -> bool {
        matches!(self.verdict(), Some(Verdict::Warned | Verdict::Rejected))
    }

    /// Tells the log of what passes all the same.
    pub fn log(&self) {
        if self.verdict() == Some(Verdict::Warned) {
            tracing::warn!(
                "{} {} is CRD-managed; REST write will be overwritten on next operator sync",
                self.kind,
                quote(self.name)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_unknown_means_warn() {
        for (text, policy) in [
            (" Off ", ConflictPolicy::Off),
            ("REJECT", ConflictPolicy::Reject),
            ("warn", ConflictPolicy::Warn),
            ("", ConflictPolicy::Warn),
            ("deny", ConflictPolicy::Warn),
        ] {
            assert_eq!(ConflictPolicy::parse(text), policy, "{text}");
        }
    }
}
