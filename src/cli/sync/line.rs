//! One resource's line of the report.

use std::collections::HashMap;

use serde::Serialize;

use super::Session;
use crate::cli::finding::{self, FindingLine};
use crate::cli::{CliError, output};
use crate::directory::KnownResources;
use crate::plan::{AbandonedRow, ItemResult, Write};
use crate::reconciler::state::BatchItem;
use crate::registry::Kind;
use crate::resource::{KindIndex, ResourceId};
use crate::status::Reason;

/// Rows looked up one by one; for more, the table is read instead.
const FEW: usize = 200;

/// Rows read at a time.
const PAGE: u32 = 1_000;

/// What became of a resource, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncAction {
    Inserted,
    Updated,
    Moved,
    Adopted,
    Unchanged,
    Suspended,
    Refused,
    Removed,
    Retained,
}

impl SyncAction {
    pub fn text(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Updated => "updated",
            Self::Moved => "moved",
            Self::Adopted => "adopted",
            Self::Unchanged => "unchanged",
            Self::Suspended => "suspended",
            Self::Refused => "refused",
            Self::Removed => "removed",
            Self::Retained => "retained",
        }
    }

    fn symbol(self) -> char {
        match self {
            Self::Inserted => '+',
            Self::Updated => '~',
            Self::Moved => '>',
            Self::Adopted => '&',
            Self::Unchanged => '=',
            Self::Suspended => '.',
            Self::Refused => '!',
            Self::Removed | Self::Retained => '-',
        }
    }
}

/// A row whose resource maps to another key, which it did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftRow {
    pub kind: KindIndex,
    pub left: AbandonedRow,
}

/// What is said of such a row.
pub const HAS_LEFT: &str = "its resource has left this key";

impl LeftRow {
    pub fn of(kind: KindIndex, item: &BatchItem) -> Option<Self> {
        match &item.result {
            ItemResult::Conflict { left, .. } => Some(Self { kind, left: left.clone()? }),
            _ => None,
        }
    }

    pub fn word(&self) -> SyncAction {
        if self.left.retained { SyncAction::Retained } else { SyncAction::Removed }
    }

    pub(super) fn line(self, session: &Session) -> Line {
        Line {
            result: self.word(),
            kind: session.registry.kind(self.kind).names.label.clone(),
            key: self.left.key,
            generation: None,
            phase: None,
            moved_from: None,
            file: None,
            line: None,
            column: None,
            note: Some(HAS_LEFT),
            error: None,
            findings: Vec::new(),
        }
    }
}

/// What became of a resource, with the key of its row and what there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncResult {
    pub word: SyncAction,
    /// Empty where it is not known yet.
    pub key: String,
    pub moved_from: Option<String>,
    pub error: Option<String>,
    /// Reason and text that a status would give.
    pub failure: Option<(Reason, String)>,
}

impl SyncResult {
    pub fn unchanged() -> Self {
        Self { word: SyncAction::Unchanged, key: String::new(), moved_from: None, error: None, failure: None }
    }

    /// `None` where nothing was there and nothing was done.
    pub fn of(settled: ItemResult) -> Option<Self> {
        let failure = settled.failure();
        let result = |word, key| Self { word, key, ..Self::unchanged() };
        let refused =
            |error: String| Self { error: Some(error), failure, ..result(SyncAction::Refused, String::new()) };
        Some(match settled {
            ItemResult::Synced { write, adopted, moved_from, key, .. } => {
                let word = match write {
                    _ if moved_from.is_some() => SyncAction::Moved,
                    _ if adopted => SyncAction::Adopted,
                    Write::Inserted => SyncAction::Inserted,
                    Write::Updated => SyncAction::Updated,
                    Write::Unchanged => SyncAction::Unchanged,
                };
                Self { moved_from, ..result(word, key) }
            }
            ItemResult::Removed { key, retained } => {
                result(if retained { SyncAction::Retained } else { SyncAction::Removed }, key?)
            }
            ItemResult::Conflict { key, owner, .. } => refused(format!(
                "the key {key} belongs to {owner}; rename one of the two or change its target namespace"
            )),
            ItemResult::Refused { text, .. } | ItemResult::Invalid { text, .. } => refused(text),
            ItemResult::Suspended => result(SyncAction::Suspended, String::new()),
        })
    }

    /// What is told of a resource that went through the store twice: a second look that changed nothing does not
    /// hide the first.
    pub fn then(self, next: Self) -> Self {
        if next.word == SyncAction::Unchanged && self.word < SyncAction::Unchanged { self } else { next }
    }
}

/// A line, ready to be printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the line of a file is called a line")]
pub struct Line {
    pub result: SyncAction,
    pub kind: String,
    pub key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the API server and the operator say of the manifest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingLine>,
}

impl Line {
    /// Columns padded to the widths of kind and key.
    pub fn text(&self, (kind, key): (usize, usize)) -> String {
        let (symbol, word) = (self.result.symbol(), self.result.text());
        let parts = [
            Some(format!("{symbol} {word:<9}  {:<kind$}  {:<key$}", self.kind, self.key)),
            self.generation.map(|generation| format!("generation {generation}")),
            self.phase.clone().filter(|phase| !phase.is_empty()),
            self.moved_from.as_ref().map(|from| format!("from {from}")),
            self.note.map(str::to_owned),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        output::plain(parts.join("  ").trim_end()).into_owned()
    }
}

/// Widths that fit all of these lines.
pub fn widths(lines: &[Line]) -> (usize, usize) {
    let widest = |of: fn(&Line) -> &str| lines.iter().map(|line| of(line).chars().count()).max().unwrap_or(0);
    (widest(|line| &line.kind), widest(|line| &line.key))
}

/// Turns results into lines, with generation and phase as they stand in the store.
pub(super) async fn lines(session: &Session, results: Vec<(ResourceId, SyncResult)>) -> Result<Vec<Line>, CliError> {
    let mut rows = HashMap::new();
    for kind in session.registry.kinds() {
        let of_kind = results.iter().filter(|(id, result)| id.kind == kind.index && result.word < SyncAction::Refused);
        let keys: Vec<String> = of_kind.map(|(id, result)| key_of(session, id, result)).collect();
        rows.insert(kind.index, states(session, kind, &keys).await?);
    }
    let line = |(id, result): (ResourceId, SyncResult)| {
        let key = key_of(session, &id, &result);
        let state = rows.get(&id.kind).and_then(|rows| rows.get(&key)).filter(|_| result.word < SyncAction::Refused);
        let place = session.known.place(&id);
        let findings = findings(&session.known, &id, &result);
        let blamed = result.error.as_ref().and_then(|text| finding::blamed(&findings, text));
        let (at, column) = match blamed {
            Some(blamed) => (blamed.line, blamed.column),
            None => (place.as_ref().map(|place| place.line), None),
        };
        Line {
            result: result.word,
            kind: session.registry.kind(id.kind).names.label.clone(),
            generation: state.map(|(generation, _)| *generation),
            phase: state.map(|(_, phase)| phase.clone()),
            moved_from: result.moved_from,
            file: place.as_ref().map(|place| place.file.display().to_string()),
            line: at,
            column,
            note: None,
            error: result.error,
            findings,
            key,
        }
    };
    Ok(results.into_iter().map(line).collect())
}

/// What is said of a resource's manifest: warnings, and errors where it is refused for them.
pub fn findings(known: &KnownResources, id: &ResourceId, result: &SyncResult) -> Vec<FindingLine> {
    let lines = known.findings(id).iter().map(FindingLine::from).collect::<Vec<_>>();
    lines.into_iter().filter(|line| result.word == SyncAction::Refused || !line.is_error()).collect()
}

/// The key of the row; for what was refused, the resource itself.
fn key_of(session: &Session, id: &ResourceId, result: &SyncResult) -> String {
    match result.word {
        _ if !result.key.is_empty() => result.key.clone(),
        SyncAction::Refused => id.object.to_string(),
        _ => session.known.key(id),
    }
}

/// Generation and phase by key.
async fn states(session: &Session, kind: &Kind, keys: &[String]) -> Result<HashMap<String, (i64, String)>, CliError> {
    let table = &kind.store.table;
    let mut states = HashMap::new();
    let mut note = |row: crate::store::StoredRow| {
        let generation = row.payload["metadata"]["generation"].as_i64().unwrap_or(0);
        let phase = row.payload["status"]["phase"].as_str().unwrap_or_default().to_owned();
        states.insert(row.key, (generation, phase));
    };
    if keys.len() <= FEW {
        for key in keys {
            session.store.row(table, key).await?.map(&mut note);
        }
        return Ok(states);
    }
    let mut after: Option<String> = None;
    loop {
        let page = session.store.rows(table, after.as_deref(), PAGE).await?;
        let Some(last) = page.last().map(|row| row.key.clone()) else { return Ok(states) };
        page.into_iter().for_each(&mut note);
        after = Some(last);
    }
}
