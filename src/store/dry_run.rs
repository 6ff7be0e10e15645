//! Dry run on a store that nothing is written to: it reads through to another one, and keeps in memory what was
//! committed.
//!
//! Whoever works on it sees its own commits, as on any store, so that a whole sync can be tried on what really
//! stands there. What it would have written is told at the end.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;

use super::clock::micros_now;
use super::{
    Decide, Fence, LedgerEntry, LedgerStore, MigrationPreview, ReconcilerStore, Request, RowStore, RowWrite,
    SealedChanges, Snapshot, StoreError, StoredRow, Table, VisitRow, check,
};
use crate::resource::ObjectName;

/// Ledger entries and rows read at a time.
const PAGE: u32 = 2_000;

/// A row that would be written. It shares the rows with the store: payloads can be large, and all changes are told
/// while it lives on.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChange {
    pub table: String,
    pub key: String,
    /// As it stands; `None` where there is none.
    pub before: Option<Arc<StoredRow>>,
    /// As it would be; `None` where it would go.
    pub after: Option<Arc<StoredRow>>,
}

impl RowChange {
    /// As they stand and as they would be.
    #[must_use]
    pub fn payloads(&self) -> (Option<&Value>, Option<&Value>) {
        (self.before.as_ref().map(|row| &row.payload), self.after.as_ref().map(|row| &row.payload))
    }
}

/// Store for a dry run: the one it reads through to, and what would be different there.
pub struct DryRunStore {
    store: Arc<dyn ReconcilerStore>,
    /// Names of tables that are not there.
    absent: Vec<String>,
    /// Somebody has written to a ledger there.
    has_ledger: bool,
    salt: [u8; 32],
    cluster: String,
    overlay: Mutex<Overlay>,
}

#[derive(Debug, Default)]
struct Overlay {
    /// By table and key.
    rows: HashMap<String, BTreeMap<String, OverlaidRow>>,
    /// All entries of the cluster, by kind and key.
    ledger: BTreeMap<(String, String), LedgerEntry>,
    /// Key by kind and object.
    held: HashMap<(String, ObjectName), String>,
}

/// A row before and after.
#[derive(Clone, Debug)]
struct OverlaidRow {
    before: Option<Arc<StoredRow>>,
    after: Option<Arc<StoredRow>>,
}

impl std::fmt::Debug for DryRunStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DryRunStore").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl DryRunStore {
    /// On a store as it would be after a migration. `cluster` is whose ledger may change.
    pub async fn on(
        store: Arc<dyn ReconcilerStore>,
        preview: MigrationPreview,
        cluster: &str,
    ) -> Result<Self, StoreError> {
        // without a salt nobody has ever written an entry
        let has_ledger = preview.salt.is_some();
        let overlay = if has_ledger { Overlay::over(store.as_ref(), cluster).await? } else { Overlay::default() };
        let salt = preview.salt.unwrap_or_else(rand::random);
        let (absent, cluster) = (preview.absent, cluster.to_owned());
        Ok(Self { store, absent, has_ledger, salt, cluster, overlay: Mutex::new(overlay) })
    }

    /// The fence to commit under: there is one term, and nobody to depose.
    #[must_use]
    pub fn fence(&self) -> Fence {
        Fence::of(&self.cluster, 0, "")
    }

    /// The rows that would be other than they are, by table and key.
    #[must_use]
    pub fn changes(&self) -> Vec<RowChange> {
        let overlay = self.lock();
        let tables: BTreeMap<_, _> = overlay.rows.iter().collect();
        let pairs = tables.into_iter().flat_map(|(table, rows)| rows.iter().map(move |(key, pair)| (table, key, pair)));
        // what came and went meanwhile is no change
        let differ = pairs.filter(|(_, _, pair)| pair.before.is_some() || pair.after.is_some());
        differ
            .map(|(table, key, pair)| RowChange {
                table: table.clone(),
                key: key.clone(),
                before: pair.before.clone(),
                after: pair.after.clone(),
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Overlay> {
        self.overlay.lock()
    }

    fn is_absent(&self, table: &Table) -> bool {
        self.absent.contains(&table.name)
    }

    async fn read_rows(&self, table: &Table, keys: &[String]) -> Result<Vec<StoredRow>, StoreError> {
        if keys.is_empty() || self.is_absent(table) { Ok(Vec::new()) } else { self.store.rows_of(table, keys).await }
    }

    /// Entries of other clusters.
    async fn foreign_owners(&self, kind: &str, keys: &[String]) -> Result<Vec<LedgerEntry>, StoreError> {
        if !self.has_ledger {
            return Ok(Vec::new());
        }
        let mut owners = self.store.owners(kind, keys).await?;
        owners.retain(|entry| entry.cluster != self.cluster);
        Ok(owners)
    }

    /// The rows of these keys as they are by now.
    async fn present(&self, table: &Table, keys: &[String]) -> Result<Vec<StoredRow>, StoreError> {
        let (mut rows, unknown) = {
            let overlay = self.lock();
            let (mut rows, mut unknown) = (Vec::new(), Vec::new());
            for key in keys {
                match overlay.row(table, key) {
                    Some(pair) => rows.extend(pair.after.as_deref().cloned()),
                    None => unknown.push(key.clone()),
                }
            }
            (rows, unknown)
        };
        rows.extend(self.read_rows(table, &unknown).await?);
        Ok(rows)
    }

    async fn look(&self, request: &Request<'_>) -> Result<(Snapshot, Vec<StoredRow>), StoreError> {
        let mut snapshot = Snapshot::default();
        let mut keys: BTreeSet<String> = request.keys.iter().cloned().collect();
        {
            let overlay = self.lock();
            for object in request.objects {
                let Some(entry) = overlay.held_by(request.kind, object) else { continue };
                keys.insert(entry.key.clone());
                snapshot.by_object.insert(object.clone(), entry.clone());
            }
            for key in &keys {
                if let Some(entry) = request.owners().iter().find_map(|kind| overlay.owner(kind, key)) {
                    snapshot.by_key.insert(key.clone(), entry.clone());
                }
            }
        }
        let keys: Vec<_> = keys.into_iter().collect();
        for kind in request.owners() {
            for entry in self.foreign_owners(kind, &keys).await? {
                snapshot.by_key.entry(entry.key.clone()).or_insert(entry);
            }
        }
        let rows = self.present(request.table, &keys).await?;
        snapshot.rows = rows.iter().map(|row| (row.key.clone(), row.payload.clone())).collect();
        Ok((snapshot, rows))
    }
}

impl Overlay {
    /// All entries of a cluster, and no row yet.
    async fn over(store: &dyn ReconcilerStore, cluster: &str) -> Result<Self, StoreError> {
        let mut overlay = Self::default();
        let mut after: Option<(String, String)> = None;
        loop {
            let from = after.as_ref().map(|(kind, key)| (kind.as_str(), key.as_str()));
            let page = store.ledger(cluster, from, PAGE).await?;
            let Some(last) = page.last() else { return Ok(overlay) };
            after = Some((last.kind.clone(), last.key.clone()));
            for entry in page {
                overlay.put(entry);
            }
        }
    }

    fn row(&self, table: &Table, key: &str) -> Option<&OverlaidRow> {
        self.rows.get(&table.name)?.get(key)
    }

    fn owner(&self, kind: &str, key: &str) -> Option<&LedgerEntry> {
        self.ledger.get(&(kind.to_owned(), key.to_owned()))
    }

    fn held_by(&self, kind: &str, object: &ObjectName) -> Option<&LedgerEntry> {
        let key = self.held.get(&(kind.to_owned(), object.clone()))?;
        self.owner(kind, key)
    }

    fn put(&mut self, entry: LedgerEntry) {
        self.remove(&entry.kind.clone(), &entry.key.clone());
        self.held.insert((entry.kind.clone(), entry.object.clone()), entry.key.clone());
        self.ledger.insert((entry.kind.clone(), entry.key.clone()), entry);
    }

    fn remove(&mut self, kind: &str, key: &str) {
        let Some(entry) = self.ledger.remove(&(kind.to_owned(), key.to_owned())) else { return };
        let held = (entry.kind, entry.object);
        if self.held.get(&held).is_some_and(|held| held == key) {
            self.held.remove(&held);
        }
    }

    fn write(&mut self, table: &Table, read: &HashMap<String, Arc<StoredRow>>, key: &str, after: Option<StoredRow>) {
        let rows = self.rows.entry(table.name.clone()).or_default();
        let pair =
            rows.entry(key.to_owned()).or_insert_with(|| OverlaidRow { before: read.get(key).cloned(), after: None });
        pair.after = after.map(Arc::new);
    }

    fn apply(&mut self, request: &Request<'_>, rows: Vec<StoredRow>, changes: &SealedChanges, now: i64) {
        let read: HashMap<_, _> = rows.into_iter().map(|row| (row.key.clone(), Arc::new(row))).collect();
        for row in changes.insert.iter().chain(&changes.update) {
            self.write(request.table, &read, &row.key, Some(written(row, now)));
        }
        for key in &changes.delete {
            self.write(request.table, &read, key, None);
        }
        for key in &changes.ledger_remove {
            request.owners().iter().for_each(|kind| self.remove(kind, key));
        }
        for entry in &changes.ledger_put {
            self.put(entry.clone());
        }
    }
}

fn written(row: &RowWrite, updated_at: i64) -> StoredRow {
    StoredRow { key: row.key.clone(), payload: super::payload(row.payload.as_bytes()), updated_at }
}

#[async_trait]
impl RowStore for DryRunStore {
    async fn commit(
        &self,
        _fence: &Fence,
        request: &Request<'_>,
        decide: &mut Decide<'_>,
    ) -> Result<SealedChanges, StoreError> {
        let (snapshot, rows) = self.look(request).await?;
        let changes = decide(&snapshot);
        let own = snapshot.by_object.values().map(|entry| &entry.key);
        let read: HashSet<&str> = request.keys.iter().chain(own).map(String::as_str).collect();
        check::changes(request.table, &snapshot, |key| read.contains(key), &changes)?;
        let now = self.now().await?;
        self.lock().apply(request, rows, &changes, now);
        Ok(changes)
    }

    async fn visit_rows(
        &self,
        table: &Table,
        after: Option<&str>,
        limit: u32,
        visit: &mut VisitRow<'_>,
    ) -> Result<(), StoreError> {
        let mut after = after.map(str::to_owned);
        loop {
            let page = if self.is_absent(table) {
                Vec::new()
            } else {
                self.store.rows(table, after.as_deref(), limit).await?
            };
            let size = usize::try_from(limit).unwrap_or(usize::MAX);
            let end = page.last().filter(|_| page.len() >= size).map(|row| row.key.clone());
            let mut rows: BTreeMap<String, StoredRow> = page.into_iter().map(|row| (row.key.clone(), row)).collect();
            let from = after.as_ref().map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone()));
            let to = end.clone().map_or(Bound::Unbounded, Bound::Included);
            if let Some(changed) = self.lock().rows.get(&table.name) {
                for (key, pair) in changed.range((from, to)) {
                    match pair.after.as_deref() {
                        Some(row) => rows.insert(key.clone(), row.clone()),
                        None => rows.remove(key),
                    };
                }
            }
            match end {
                // all of this page would be gone
                Some(end) if rows.is_empty() => after = Some(end),
                _ => {
                    rows.into_values().take(size).for_each(visit);
                    return Ok(());
                }
            }
        }
    }

    async fn rows_since(&self, table: &Table, since: i64, visit: &mut VisitRow<'_>) -> Result<(), StoreError> {
        let (changed, fresh) = {
            let overlay = self.lock();
            let rows = overlay.rows.get(&table.name);
            let fresh = rows.into_iter().flat_map(BTreeMap::values).filter_map(|pair| pair.after.as_ref());
            let fresh: Vec<_> = fresh.filter(|row| row.updated_at >= since).map(Arc::clone).collect();
            (rows.into_iter().flat_map(BTreeMap::keys).cloned().collect::<HashSet<String>>(), fresh)
        };
        if !self.is_absent(table) {
            let mut unchanged = |row: StoredRow| {
                if !changed.contains(&row.key) {
                    visit(row);
                }
            };
            self.store.rows_since(table, since, &mut unchanged).await?;
        }
        for row in &fresh {
            visit(StoredRow::clone(row));
        }
        Ok(())
    }

    async fn rows_of(&self, table: &Table, keys: &[String]) -> Result<Vec<StoredRow>, StoreError> {
        self.present(table, keys).await
    }

    async fn now(&self) -> Result<i64, StoreError> {
        Ok(micros_now())
    }
}

#[async_trait]
impl LedgerStore for DryRunStore {
    async fn salt(&self) -> Result<[u8; 32], StoreError> {
        Ok(self.salt)
    }

    async fn ledger(
        &self,
        cluster: &str,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        if cluster != self.cluster {
            return if self.has_ledger { self.store.ledger(cluster, after, limit).await } else { Ok(Vec::new()) };
        }
        let after = after.map_or(Bound::Unbounded, |(kind, key)| Bound::Excluded((kind.to_owned(), key.to_owned())));
        let overlay = self.lock();
        let page = overlay.ledger.range((after, Bound::Unbounded)).map(|(_, entry)| entry.clone());
        Ok(page.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }

    async fn owners(&self, kind: &str, keys: &[String]) -> Result<Vec<LedgerEntry>, StoreError> {
        let mut owners = self.foreign_owners(kind, keys).await?;
        let overlay = self.lock();
        owners.extend(keys.iter().filter_map(|key| overlay.owner(kind, key)).cloned());
        Ok(owners)
    }
}
