//! The way to a value: `spec.graph.a.edges[0].to`.

use std::fmt::Write as _;

pub use crate::rules::WayStep as Step;

/// Steps from the object's root.
pub type Way = Vec<Step>;

/// A way of field names.
#[must_use]
pub fn way(names: &[&str]) -> Way {
    names.iter().map(|name| Step::Key((*name).to_owned())).collect()
}

/// As people write it. Keys that would read as something else are shown in brackets, as the API server does.
#[must_use]
pub fn text(way: &[Step]) -> String {
    let mut text = String::new();
    for step in way {
        match step {
            Step::Key(name) if is_plain(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Step::Key(name) => {
                text.push('[');
                text.extend(name.chars().filter(|c| !c.is_control()));
                text.push(']');
            }
            Step::Index(index) => {
                let _ = write!(text, "[{index}]");
            }
        }
    }
    text
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'))
}
