//! A kind's file drafted from what there is already: a custom resource definition, sample objects, a table.
//!
//! What the format cannot hold is left out and told; nothing is left out in silence.

mod checks;
mod crd;
mod defaults;
mod derived;
mod names;
mod openapi;
mod render;
mod rows;
mod sample;
mod secrecy;
mod seen;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;

use indexmap::IndexMap;
use serde_json::Value;

pub use crd::of_crd;
pub use rows::of_table;
pub use sample::of_samples;

use crate::registry::Registry;
use crate::registry::crd::needs_approval;
use crate::registry::file::{PrinterColumn, Schema};

/// Most places that are named where the same is told of all.
const SHOWN: usize = 6;

/// Why no kind can be made of something.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error("unable to make a kind: {0}")]
    Unfit(String),
    #[error("unable to make a kind: {what} is missing; give --{flag}")]
    Missing { what: &'static str, flag: &'static str },
}

/// What a caller says for itself, in place of what would be found or guessed.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub group: Option<String>,
    pub version: Option<String>,
    pub kind: Option<String>,
    pub plural: Option<String>,
    pub table: Option<String>,
}

/// A kind's file before it is written.
#[derive(Debug)]
pub struct Draft {
    /// What it was made from, as the end of "Drafted from".
    pub origin: String,
    pub group: String,
    pub approval: Option<String>,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub singular: Option<String>,
    pub short_names: Vec<String>,
    pub description: String,
    pub printer_columns: Vec<PrinterColumn>,
    pub table: String,
    pub columns: IndexMap<String, Derived>,
    pub indexes: Vec<String>,
    pub initial_phase: String,
    pub schema: Schema,
    /// Fields that are filled in where they are left out, by path, in order.
    pub defaults: Vec<(String, Value)>,
    /// The spec itself may be left out.
    pub spec_optional: bool,
    pub notes: Notes,
}

/// A derived column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Derived {
    Path { from: String, trim: bool, lower: bool, default: String },
    SpecHash,
}

/// What was left out, changed or guessed.
#[derive(Debug, Default)]
pub struct Notes {
    plain: Vec<String>,
    /// By what it is about: where.
    places: BTreeMap<String, Vec<String>>,
}

impl Notes {
    pub fn add(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.plain.contains(&text) {
            self.plain.push(text);
        }
    }

    /// The same at many places is told once.
    pub fn at(&mut self, path: &str, what: impl Into<String>) {
        self.places.entry(what.into()).or_default().push(path.to_owned());
    }

    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let placed = self.places.iter().map(|(what, paths)| match paths.len() {
            ..=SHOWN => format!("{}: {what}", paths.join(", ")),
            count => format!("{} and {} more: {what}", paths[..SHOWN].join(", "), count - SHOWN),
        });
        self.plain.iter().cloned().chain(placed).collect()
    }
}

/// The file's text.
impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::render(self))
    }
}

/// The table for a kind: named for its plural, unless another kind has that one.
fn table(registry: &Registry, group: &str, kind: &str, plural: &str, notes: &mut Notes) -> String {
    let name = names::table(kind, plural);
    let others = || registry.kinds().iter().filter(|k| !(k.names.group == group && k.names.kind == kind));
    if !others().any(|other| other.store.table.name == name) {
        return name;
    }
    let first = group.split('.').next().unwrap_or_default().replace('-', "_");
    let longer = names::shortened(&format!("{first}_{name}"));
    notes.add(format!("the table {name} belongs to another kind: the rows go into {longer}"));
    longer
}

/// What to say for the approval of a group that needs one.
fn unapproved(group: &str, notes: &mut Notes) -> Option<String> {
    needs_approval(group).then(|| {
        notes.add(format!("a CRD of {group} needs an approval: the file says that there is none"));
        "unapproved, drafted by orloj-operator kinds new".to_owned()
    })
}

/// Says so where the registry has the kind already.
fn tell_known(registry: &Registry, group: &str, kind: &str, notes: &mut Notes) {
    let known = registry.kinds().iter().find(|known| known.names.group == group && known.names.kind == kind);
    let Some(known) = known else { return };
    notes.add(format!("{kind} of {group} is a kind already: with --kinds this file replaces it"));
    if known.sensitive {
        let data = known.program.secret.join(".");
        notes.add(format!(
            "it holds secrets, which nothing here says: without `secret: {{data: {data}}}` they are stored in clear"
        ));
    }
}
