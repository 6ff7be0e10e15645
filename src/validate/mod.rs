//! Manifests judged without a cluster: what kubectl, the API server and this operator would say of each, and what
//! none of them sees.
//!
//! An object passes through the stages of its life: it is read ([`crate::source::manifest`]), its metadata and the
//! CRD's schema with the CEL rules in it are checked as `kube-apiserver` does ([`metadata`], [`schema`], [`cel`]), and
//! it is made into a row as the reconciler does ([`object`], by [`crate::desired`]). Rules that look at more than one
//! object come last.

pub mod across;
pub mod advice;
pub mod cel;
pub mod facts;
pub mod file;
pub mod finding;
pub mod formats;
pub mod graph;
pub mod ignore;
pub mod metadata;
pub mod object;
pub mod parallel;
pub mod paths;
pub mod place;
pub mod rule;
pub mod run;
pub mod schema;
pub mod walk;
pub mod way;

use serde_json::Value;

/// What becomes of fields that the CRD does not know: kubectl's `--validate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// An error.
    #[default]
    Strict,
    /// A warning.
    Warn,
    /// Nothing: the API server drops them.
    Ignore,
}

/// "did you mean ...", where one of `known` is close to `name`.
fn suggest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let folded = name.to_lowercase();
    known
        .into_iter()
        .filter(|word| *word != name && !word.is_empty())
        .map(|word| (strsim::damerau_levenshtein(&folded, &word.to_lowercase()), word))
        // of names of one or two letters any other is close
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4 && distance * 2 < name.len().max(word.len()))
        .min()
        .map(|(_, word)| format!("did you mean `{word}`?"))
}

/// A value's type, never the value itself.
fn a(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
