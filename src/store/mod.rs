//! The rows that orlojd reads, and the ledger that says which resource owns which row.
//!
//! One interface ([`Store`], the sum of what its callers need), two implementations, one test suite for both. A batch
//! is read under lock, decided on by a pure function, and committed with its ledger entries in one transaction.

mod check;
mod client;
mod clock;
pub mod dry_run;
pub mod open;
mod outcome;
pub mod postgres;
mod reads;
pub mod sealing;
mod sql;
pub mod sqlite;

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use serde_json::Value;

pub use crate::crypto::Fingerprint;
pub use crate::registry::table::{Column, ColumnType, ColumnValue, Described, DescribedColumn, Table, TableOwner};
use crate::resource::ObjectName;
pub use clock::micros_now;
pub use outcome::{
    ListedRow, Outcome, OutcomeChanges, OutcomeCount, OutcomeFilter, OutcomeKey, RowFilter, RowOwner, RowState,
};

/// Row to insert or to overwrite, its secret values sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct RowWrite {
    /// Scoped key, `<namespace>/<name>`: column `name`.
    pub key: String,
    pub namespace: String,
    pub status_phase: String,
    /// The payload as JSON text.
    pub payload: String,
    /// In the order of [`Table::columns`].
    pub columns: Vec<ColumnValue>,
}

/// Without payload and derived columns: without a key configured, secret values stand in the clear there.
impl fmt::Debug for RowWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowWrite").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Row as read, its secret values sealed.
#[derive(Clone, PartialEq)]
pub struct StoredRow {
    pub key: String,
    /// `Null` where it cannot be read, see [`payload`].
    pub payload: Value,
    /// `updated_at` in microseconds since the Unix epoch, by the store's clock.
    pub updated_at: i64,
}

/// Without the payload, as [`RowWrite`].
impl fmt::Debug for StoredRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRow")
            .field("key", &self.key)
            .field("updated_at", &self.updated_at)
            .finish_non_exhaustive()
    }
}

/// A payload from its text. JSON that a database takes and this program cannot hold (nested beyond 127 levels, numbers
/// beyond those of a double) comes from others, and reads as `Null`: a row without meaning, which is put right where a
/// resource owns it and left alone elsewhere. As an error it would stop whatever reads that row among others.
#[must_use]
pub fn payload(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_default()
}

/// Who owns a store key, since when and in which state: one row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Which cluster (or directory) the resource lives in.
    pub cluster: String,
    pub kind: String,
    pub object: ObjectName,
    pub uid: String,
    /// Creation time of the resource, seconds since the Unix epoch.
    pub created: i64,
    pub key: String,
    pub generation: i64,
    /// Of the resource as submitted, when the row was last made equal to it.
    pub fingerprint: Fingerprint,
    /// Of the row's meaning (spec, labels, annotations) as it was then written or found.
    pub row_fingerprint: Fingerprint,
    /// When the row was last made equal, microseconds since the Unix epoch.
    pub synced_at: i64,
    /// Leave the row when the resource goes (`orloj.dev/deletion-policy: retain`), also where nobody saw it go.
    pub retain: bool,
}

/// What a batch needs to see.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub cluster: &'a str,
    /// The registry's kind name: the ledger's `kind`.
    pub kind: &'a str,
    pub table: &'a Table,
    /// Resources whose ledger entries are wanted; the keys these entries hold are locked and read too.
    pub objects: &'a [ObjectName],
    /// Store keys whose rows and ledger entries are wanted.
    pub keys: &'a [String],
}

impl Request<'_> {
    /// The ledger's names of all kinds that may own rows of the table.
    #[must_use]
    pub fn owners(&self) -> Vec<&str> {
        self.table.owners(self.kind)
    }
}

/// Snapshot of what stood in the store, read under lock; the secret values of its rows are sealed.
#[derive(Clone, Default)]
pub struct Snapshot {
    pub rows: HashMap<String, Value>,
    /// By store key: whoever owns it, in any cluster.
    pub by_key: HashMap<String, LedgerEntry>,
    /// By resource, within the request's cluster.
    pub by_object: HashMap<ObjectName, LedgerEntry>,
}

/// Keys instead of payloads, as [`RowWrite`].
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("rows", &self.rows.keys())
            .field("by_key", &self.by_key)
            .field("by_object", &self.by_object)
            .finish()
    }
}

/// What to write; empty means that nothing is written at all.
///
/// A key stands in one of `insert`, `update` and `delete` at most, and rows and entries are written only for keys that
/// the snapshot was read for; anything else is [`StoreError::Rejected`] before it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedChanges {
    /// Keys that had no row in the snapshot. A row that has appeared since makes the batch start over.
    pub insert: Vec<RowWrite>,
    pub update: Vec<RowWrite>,
    pub delete: Vec<String>,
    /// Upserts, by (kind, key).
    pub ledger_put: Vec<LedgerEntry>,
    /// Keys whose entry goes, whatever kind of the table's it is of; removed before `ledger_put` is applied, so that a key can change hands.
    pub ledger_remove: Vec<String>,
}

impl SealedChanges {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.insert.is_empty()
            && self.update.is_empty()
            && self.delete.is_empty()
            && self.ledger_put.is_empty()
            && self.ledger_remove.is_empty()
    }
}

/// Says what to write, given what stands in the store. An alias, because `async_trait` would tie the snapshot's
/// lifetime to the call's if the type were spelled out there.
pub type Decide<'a> = dyn FnMut(&Snapshot) -> SealedChanges + Send + 'a;

/// Visitor of rows, one by one.
pub type VisitRow<'a> = dyn FnMut(StoredRow) + Send + 'a;

/// A term of leadership: a commit under an older epoch than the store's is refused (`OneWriter`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Whose resources the ledger is kept for.
    pub cluster: String,
    /// Whose term it is: the cluster's, or that of one among several operators that share it.
    pub term: String,
    pub epoch: i64,
    /// Who took the term: after a backup was restored, two leaders may have counted up to one epoch.
    pub holder: String,
}

impl Fence {
    /// The fence of a term, for the cluster of the same name.
    #[must_use]
    pub fn of(term: &str, epoch: i64, holder: &str) -> Self {
        Self { cluster: term.to_owned(), term: term.to_owned(), epoch, holder: holder.to_owned() }
    }
}

/// Precondition of the first write that is not met: a table, a migration of orlojd's, a privilege.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The tables that cannot be used without it; empty where nothing can.
    pub tables: Vec<String>,
    /// One sentence, with what to do about it.
    pub text: String,
}

impl Missing {
    /// All of them as one text.
    #[must_use]
    pub fn list(missing: &[Self], separator: &str) -> String {
        missing.iter().map(|one| one.text.as_str()).collect::<Vec<_>>().join(separator)
    }

    pub(crate) fn of_store(text: String) -> Self {
        Self { tables: Vec::new(), text }
    }

    pub(crate) fn of_table(table: &Table, text: String) -> Self {
        Self { tables: vec![table.name.clone()], text }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A store as it would be after a migration, for those who only look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationPreview {
    /// Names of tables that the migration would make: they hold nothing yet.
    pub absent: Vec<String>,
    /// What would still be missing after it, as [`StoreAdmin::missing`] tells it.
    pub missing: Vec<Missing>,
    /// Of the ledger; `None` where there is no ledger, or one that nobody has written to.
    pub salt: Option<[u8; 32]>,
}

/// How an error is to be answered; decides retry, condition reason and metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorClass {
    /// The store cannot be reached or cannot write now; the batch is tried again whole.
    Unavailable,
    /// Another leader has taken over; nothing was and nothing will be written under this fence.
    Deposed,
    /// The store refused the data; a batch is split until the bad object stands alone.
    Rejected,
    /// Wrong set-up (missing table, privilege, schema); retried, and told to the administrator.
    Setup,
}

/// Why a store operation failed. Texts never hold a DSN, a password or a payload.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("unable to reach the store: {detail}")]
    Unavailable { detail: String },
    #[error("unable to commit: epoch {held} was superseded by {current}")]
    Deposed { held: i64, current: i64 },
    #[error("unable to write: the ledger is gone ({detail}); the next start makes it anew")]
    LedgerGone { detail: String },
    #[error("unable to write: the store refused it: {detail}")]
    Rejected { detail: String },
    #[error("unable to use the store: {detail}")]
    Setup { detail: String },
}

impl StoreError {
    #[must_use]
    pub fn class(&self) -> StoreErrorClass {
        match self {
            Self::Unavailable { .. } => StoreErrorClass::Unavailable,
            Self::Deposed { .. } | Self::LedgerGone { .. } => StoreErrorClass::Deposed,
            Self::Rejected { .. } => StoreErrorClass::Rejected,
            Self::Setup { .. } => StoreErrorClass::Setup,
        }
    }
}

/// Rows of orlojd's tables, read and written.
#[async_trait]
pub trait RowStore: Send + Sync {
    /// Reads under lock, lets `decide` say what to write, commits it under `fence`, in one transaction.
    /// `decide` may be called again with a newer snapshot when rows or entries changed in between: it has to
    /// depend on nothing but its argument. When it wants nothing written, the store writes nothing.
    async fn commit(
        &self,
        fence: &Fence,
        request: &Request<'_>,
        decide: &mut Decide<'_>,
    ) -> Result<SealedChanges, StoreError>;

    /// Visits rows in key order (bytewise), after `after`, at most `limit`, one by one as they arrive: only one is in
    /// memory at a time. Those visited before an error are not all.
    async fn visit_rows(
        &self,
        table: &Table,
        after: Option<&str>,
        limit: u32,
        visit: &mut VisitRow<'_>,
    ) -> Result<(), StoreError>;

    /// The same rows, all at once.
    async fn rows(&self, table: &Table, after: Option<&str>, limit: u32) -> Result<Vec<StoredRow>, StoreError> {
        let mut rows = Vec::new();
        self.visit_rows(table, after, limit, &mut |row| rows.push(row)).await?;
        Ok(rows)
    }

    /// Visits all rows with `updated_at >= since` (microseconds, store clock), in any order, one by one as they arrive:
    /// after a first sync that is every row there is. Those visited before an error are not all.
    async fn rows_since(&self, table: &Table, since: i64, visit: &mut VisitRow<'_>) -> Result<(), StoreError>;

    /// The rows of these keys that are there, in any order.
    async fn rows_of(&self, table: &Table, keys: &[String]) -> Result<Vec<StoredRow>, StoreError>;

    /// One row by key.
    async fn row(&self, table: &Table, key: &str) -> Result<Option<StoredRow>, StoreError> {
        Ok(self.rows_of(table, &[key.to_owned()]).await?.pop())
    }

    /// The store's clock, microseconds since the Unix epoch.
    async fn now(&self) -> Result<i64, StoreError>;

    /// orlojd's newest migration: where it changes, another version writes here from now on. `None` where no orlojd
    /// lives, or where nobody may know.
    async fn newest_migration(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
}

/// Rows of people who lead no term, such as those who write through the REST API; the ledger stays as it is.
#[async_trait]
pub trait RowEditor: Send + Sync {
    /// As [`RowStore::commit`], but under no fence: rows alone are written, each under its lock.
    async fn edit(&self, request: &Request<'_>, decide: &mut Decide<'_>) -> Result<SealedChanges, StoreError>;

    /// Keys and `updated_at` (microseconds since the Unix epoch) of rows in key order (bytewise), after `after`, at most
    /// `limit`: what tells whether a row has changed, without its payload.
    async fn row_times(&self, table: &Table, after: Option<&str>, limit: u32)
    -> Result<Vec<(String, i64)>, StoreError>;
}

/// Ledger of owners, read; it is written together with the rows.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// Random salt of the ledger, made once: part of every fingerprint's key.
    async fn salt(&self) -> Result<[u8; 32], StoreError>;

    /// Ledger entries of a cluster in (kind, key) order, after `after`, at most `limit`.
    async fn ledger(
        &self,
        cluster: &str,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError>;

    /// Who owns these keys of one kind, in any cluster.
    async fn owners(&self, kind: &str, keys: &[String]) -> Result<Vec<LedgerEntry>, StoreError>;

    /// Outcomes in the order of cluster, kind, namespace and name (bytewise), after `after`, at most `limit`, each with
    /// the key of the row that its resource owns. A store that keeps none has none.
    async fn outcomes(
        &self,
        _filter: &OutcomeFilter,
        _after: Option<&Outcome>,
        _limit: u32,
    ) -> Result<Vec<(Outcome, Option<String>)>, StoreError> {
        Ok(Vec::new())
    }

    /// Writes outcomes of the fence's cluster under its term, in one transaction.
    async fn record_outcomes(&self, _fence: &Fence, _changes: &OutcomeChanges) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Rows, owners and outcomes as people look at them: listed and counted.
#[async_trait]
pub trait RowCatalog: Send + Sync {
    /// Rows that pass the filter, after the key `after`, at most `limit`, in the order of the index on their keys: where
    /// the database has a collation of its own, that is not the bytewise order.
    async fn listed(
        &self,
        kind: &str,
        table: &Table,
        filter: &RowFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ListedRow>, StoreError>;

    async fn count_rows(&self, table: &Table) -> Result<i64, StoreError>;

    /// How many rows of each kind a resource owns; kinds without any are left out.
    async fn count_owned(&self) -> Result<Vec<(String, i64)>, StoreError>;

    /// How many resources of each kind are not synced, by reason.
    async fn count_outcomes(&self) -> Result<Vec<OutcomeCount>, StoreError>;

    /// Clusters that own rows.
    async fn clusters(&self) -> Result<Vec<String>, StoreError>;
}

/// Terms of leadership, kept where the rows are.
#[async_trait]
pub trait Leadership: Send + Sync {
    /// Starts a new term: raises its epoch by one and returns the fence to commit under, for the cluster of the same
    /// name.
    async fn take_leadership(&self, term: &str, holder: &str) -> Result<Fence, StoreError>;
}

/// Set-up and end of a store: its tables, made and described.
#[async_trait]
pub trait StoreAdmin: Send + Sync {
    /// What must be there before the first write and is not: orlojd's migrations, tables, the ledger's schema,
    /// privileges. Empty when ready.
    async fn missing(&self, tables: &[Table]) -> Result<Vec<Missing>, StoreError>;

    /// Brings the ledger's own schema up to date and creates operator-owned tables; with `create_orlojd_tables`
    /// also compatible tables where no orlojd lives. Idempotent; needs no privilege for what is already there.
    async fn migrate(&self, tables: &[Table], create_orlojd_tables: bool) -> Result<(), StoreError>;

    /// Preview of [`Self::migrate`]: what it would make and what would still be missing then. Writes nothing, and asks
    /// for no more privileges than reading needs.
    async fn preview_migrations(
        &self,
        tables: &[Table],
        create_orlojd_tables: bool,
    ) -> Result<MigrationPreview, StoreError>;

    /// Columns and at most `limit` rows of a table, whoever made it; `None` where there is none of that name.
    async fn describe(&self, table: &str, limit: u32) -> Result<Option<Described>, StoreError>;

    /// Waits until nothing is under way and lets go of the store. A SQLite file is tidied up by that: a process that
    /// just ends leaves an empty log beside it.
    async fn close(&self) {}
}

/// Store as the reconciler needs it: rows and their ledger, with a fence that somebody else has taken.
pub trait ReconcilerStore: RowStore + LedgerStore {}

impl<S: RowStore + LedgerStore + ?Sized> ReconcilerStore for S {}

/// Store as it is opened from a URL: all that a database can do.
pub trait Store: ReconcilerStore + RowEditor + RowCatalog + Leadership + StoreAdmin {}

impl<S: ReconcilerStore + RowEditor + RowCatalog + Leadership + StoreAdmin + ?Sized> Store for S {}

impl dyn ReconcilerStore + '_ {
    /// Commits as [`RowStore::commit`] does, and hands on what the decision that was committed made besides. A
    /// decision that fails writes nothing.
    pub async fn commit_with<D: Send, E: From<StoreError> + Send>(
        &self,
        fence: &Fence,
        request: &Request<'_>,
        decide: impl FnMut(&Snapshot) -> Result<(D, SealedChanges), E> + Send,
    ) -> Result<D, E> {
        let mut decision = None;
        self.commit(fence, request, &mut keep_decision(decide, &mut decision)).await?;
        decision.unwrap_or_else(undecided)
    }
}

impl dyn Store + '_ {
    /// Edits as [`RowEditor::edit`] does, and hands on what the decision that was committed made besides. A decision
    /// that fails writes nothing.
    pub async fn edit_with<D: Send, E: From<StoreError> + Send>(
        &self,
        request: &Request<'_>,
        decide: impl FnMut(&Snapshot) -> Result<(D, SealedChanges), E> + Send,
    ) -> Result<D, E> {
        let mut decision = None;
        self.edit(request, &mut keep_decision(decide, &mut decision)).await?;
        decision.unwrap_or_else(undecided)
    }
}

/// No store commits without a decision; one that did would have nothing to hand on.
fn undecided<D, E: From<StoreError>>() -> Result<D, E> {
    Err(StoreError::Setup { detail: "it committed without a decision".to_owned() }.into())
}

/// Puts what a decision makes besides its changes where its caller finds it.
fn keep_decision<D, E>(
    mut decide: impl FnMut(&Snapshot) -> Result<(D, SealedChanges), E>,
    decision: &mut Option<Result<D, E>>,
) -> impl FnMut(&Snapshot) -> SealedChanges {
    move |snapshot| {
        let (made, changes) = match decide(snapshot) {
            Ok((made, changes)) => (Ok(made), changes),
            Err(error) => (Err(error), SealedChanges::default()),
        };
        *decision = Some(made);
        changes
    }
}
