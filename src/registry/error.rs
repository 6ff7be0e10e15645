//! All that is wrong with a set of kind files.

use std::fmt;

use crate::diagnostics::Diagnostic;

/// Everything that is wrong with a set of kind files.
#[derive(Debug, thiserror::Error)]
pub struct RegistryError {
    /// In file order; never empty.
    pub problems: Vec<Diagnostic>,
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unable to load the kinds: {} found", plural(self.problems.len()))?;
        for problem in &self.problems {
            write!(f, "\n\n{problem}")?;
        }
        Ok(())
    }
}

fn plural(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}
