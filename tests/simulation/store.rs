//! A store in memory that can be away.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use orloj_operator::store::{
    Decide, Fence, LedgerEntry, LedgerStore, Request, RowStore, SealedChanges, Snapshot, StoreError, StoredRow, Table,
    VisitRow,
};
use serde_json::Value;

#[derive(Debug, Default)]
pub struct Inner {
    pub rows: BTreeMap<String, Value>,
    pub ledger: BTreeMap<String, LedgerEntry>,
    pub away: bool,
    /// The table was dropped: the ledger is there, and all else of the store.
    pub dropped: bool,
    /// The commit goes through, but the answer is lost.
    pub lose_answer: bool,
    pub epoch: i64,
    pub writes: u64,
}

#[derive(Debug, Default)]
pub struct Memory(pub Mutex<Inner>);

impl Memory {
    pub fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic while held")
    }

    /// Another leader starts its term.
    pub fn take_leadership(&self, cluster: &str) -> Fence {
        let mut inner = self.inner();
        inner.epoch += 1;
        Fence::of(cluster, inner.epoch, "me")
    }
}

impl Inner {
    fn reachable(&self) -> Result<(), StoreError> {
        if self.away {
            return Err(away());
        }
        if self.dropped {
            return Err(StoreError::Setup { detail: "there is no table".to_owned() });
        }
        Ok(())
    }
}

fn away() -> StoreError {
    StoreError::Unavailable { detail: "away".to_owned() }
}

#[async_trait]
impl RowStore for Memory {
    async fn commit(
        &self,
        fence: &Fence,
        request: &Request<'_>,
        decide: &mut Decide<'_>,
    ) -> Result<SealedChanges, StoreError> {
        let mut inner = self.inner();
        inner.reachable()?;
        if fence.epoch != inner.epoch {
            return Err(StoreError::Deposed { held: fence.epoch, current: inner.epoch });
        }
        let mut snapshot = Snapshot::default();
        let mut keys: Vec<String> = request.keys.to_vec();
        for entry in inner.ledger.values() {
            if entry.cluster == request.cluster && request.objects.contains(&entry.object) {
                snapshot.by_object.insert(entry.object.clone(), entry.clone());
                keys.push(entry.key.clone());
            }
        }
        for key in keys {
            if let Some(entry) = inner.ledger.get(&key) {
                snapshot.by_key.insert(key.clone(), entry.clone());
            }
            if let Some(payload) = inner.rows.get(&key) {
                snapshot.rows.insert(key, payload.clone());
            }
        }
        let changes = decide(&snapshot);
        inner.writes += u64::from(!changes.is_empty());
        for row in changes.insert.iter().chain(&changes.update) {
            let payload = serde_json::from_str(&row.payload).expect("a payload is JSON");
            inner.rows.insert(row.key.clone(), payload);
        }
        for key in &changes.delete {
            assert!(inner.rows.remove(key).is_some(), "deleted a row that is not there");
        }
        for key in &changes.ledger_remove {
            inner.ledger.remove(key);
        }
        for entry in &changes.ledger_put {
            inner.ledger.insert(entry.key.clone(), entry.clone());
        }
        if std::mem::take(&mut inner.lose_answer) { Err(away()) } else { Ok(changes) }
    }

    async fn visit_rows(
        &self,
        _: &Table,
        after: Option<&str>,
        _: u32,
        visit: &mut VisitRow<'_>,
    ) -> Result<(), StoreError> {
        let inner = self.inner();
        inner.reachable()?;
        let rows = inner.rows.iter().filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
        rows.map(|(key, payload)| StoredRow { key: key.clone(), payload: payload.clone(), updated_at: 0 })
            .for_each(visit);
        Ok(())
    }

    async fn rows_since(&self, table: &Table, _: i64, visit: &mut VisitRow<'_>) -> Result<(), StoreError> {
        self.rows(table, None, 0).await?.into_iter().for_each(visit);
        Ok(())
    }

    async fn rows_of(&self, table: &Table, keys: &[String]) -> Result<Vec<StoredRow>, StoreError> {
        let rows = self.rows(table, None, 0).await?;
        Ok(rows.into_iter().filter(|row| keys.contains(&row.key)).collect())
    }

    async fn now(&self) -> Result<i64, StoreError> {
        Ok(0)
    }
}

#[async_trait]
impl LedgerStore for Memory {
    async fn salt(&self) -> Result<[u8; 32], StoreError> {
        Ok([7; 32])
    }

    async fn ledger(&self, _: &str, after: Option<(&str, &str)>, _: u32) -> Result<Vec<LedgerEntry>, StoreError> {
        Ok(if after.is_some() { Vec::new() } else { self.inner().ledger.values().cloned().collect() })
    }

    async fn owners(&self, _: &str, keys: &[String]) -> Result<Vec<LedgerEntry>, StoreError> {
        let inner = self.inner();
        Ok(keys.iter().filter_map(|key| inner.ledger.get(key)).cloned().collect())
    }
}
