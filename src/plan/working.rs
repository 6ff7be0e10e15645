//! The working copy that a batch is decided on: rows and ledger as they would be after each decision.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::{
    AbandonedRow, BatchPlan, Context, ItemResult, OpenedRow, OpenedSnapshot, Owner, PlannedChanges, PlannedRow, Sync,
    without_ownership,
};
use crate::resource::ObjectName;
use crate::store::LedgerEntry;

#[derive(Debug)]
struct Cell {
    existed: bool,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Absent,
    Row(Box<OpenedRow>),
    /// To be written; read back as a row only when a later decision asks.
    Write(Value),
    /// To be written, and asked about.
    Written(Value, Box<OpenedRow>),
    /// To be written with secret values as they stand in the store, since they could not be opened.
    Left(Value, Box<OpenedRow>),
}

#[derive(Debug, Default)]
struct Holding {
    before: Option<LedgerEntry>,
    now: Option<LedgerEntry>,
}

#[derive(Debug)]
pub(super) struct Working<'a> {
    pub context: Context<'a>,
    rows: BTreeMap<String, Cell>,
    holdings: BTreeMap<String, Holding>,
    keys: HashMap<ObjectName, String>,
    displaced: Vec<Owner>,
    reconsidered: Vec<String>,
}

impl<'a> Working<'a> {
    pub fn new(context: Context<'a>, view: OpenedSnapshot) -> Self {
        let rows = view
            .rows
            .into_iter()
            .map(|(key, row)| (key, Cell { existed: true, content: Content::Row(Box::new(row)) }))
            .collect();
        let mut working = Self {
            context,
            rows,
            holdings: BTreeMap::new(),
            keys: HashMap::new(),
            displaced: Vec::new(),
            reconsidered: Vec::new(),
        };
        for entry in view.by_key.into_values().chain(view.by_object.into_values()) {
            if entry.cluster == context.cluster && entry.kind == context.kind.names.label {
                working.keys.insert(entry.object.clone(), entry.key.clone());
            }
            let holding = Holding { before: Some(entry.clone()), now: Some(entry.clone()) };
            working.holdings.insert(entry.key, holding);
        }
        working
    }

    pub fn holder(&self, key: &str) -> Option<&LedgerEntry> {
        self.holdings.get(key).and_then(|holding| holding.now.as_ref())
    }

    pub fn is_mine(&self, holder: &LedgerEntry, object: &ObjectName) -> bool {
        holder.cluster == self.context.cluster
            && holder.kind == self.context.kind.names.label
            && holder.object == *object
    }

    /// Whether the holder gives way: the older resource owns a key; other clusters never give way.
    pub fn yields(&self, holder: &LedgerEntry, object: &ObjectName, created: i64) -> bool {
        holder.cluster == self.context.cluster && (created, object) < (holder.created, &holder.object)
    }

    pub fn owner_text(&self, holder: &LedgerEntry) -> String {
        if holder.cluster == self.context.cluster {
            format!("{} {}", holder.kind, holder.object)
        } else {
            format!("{} {} of cluster {}", holder.kind, holder.object, holder.cluster)
        }
    }

    pub fn row(&mut self, key: &str) -> Option<&OpenedRow> {
        let cell = self.rows.get_mut(key)?;
        if let Content::Write(payload) = &mut cell.content {
            let payload = payload.take();
            let stored = self.context.kind.stored(&payload);
            let row = OpenedRow { stored, payload: payload.clone(), sealed: true, unreadable: None };
            cell.content = Content::Written(payload, Box::new(row));
        }
        match &cell.content {
            Content::Row(row) | Content::Written(_, row) | Content::Left(_, row) => Some(row),
            Content::Absent | Content::Write(_) => None,
        }
    }

    pub fn put_row(&mut self, key: &str, payload: Value) {
        let cell = self.rows.entry(key.to_owned()).or_insert(Cell { existed: false, content: Content::Absent });
        cell.content = Content::Write(payload);
    }

    pub fn delete_row(&mut self, key: &str) {
        if let Some(cell) = self.rows.get_mut(key) {
            cell.content = Content::Absent;
        }
    }

    /// Leaves the row but takes our marks off it, also where its secret values cannot be opened: with the marks it
    /// would be taken for an orphan.
    pub fn give_up(&mut self, key: &str) {
        let Some(row) = self.row(key) else { return };
        let payload = without_ownership(&row.payload);
        let left = row.unreadable.is_some().then(|| Box::new(row.clone()));
        match (left, self.rows.get_mut(key)) {
            (Some(row), Some(cell)) => cell.content = Content::Left(payload, row),
            _ => self.put_row(key, payload),
        }
    }

    pub fn key_of(&self, object: &ObjectName) -> Option<String> {
        self.keys.get(object).cloned()
    }

    /// Deletes the row at the key that the object held, if that is another one than `key`. `None` where no row stood
    /// there.
    pub fn leave_other_key(&mut self, object: &ObjectName, key: &str) -> Option<String> {
        let old = self.key_of(object).filter(|old| old != key)?;
        let stood = self.row(&old).is_some();
        self.delete_row(&old);
        self.disown(&old);
        stood.then_some(old)
    }

    /// Gives up the key that the object held, if that is another one than `key`. With `retain` its row stays.
    pub fn give_back_other_key(&mut self, object: &ObjectName, key: &str, retain: bool) -> Option<AbandonedRow> {
        let old = self.key_of(object).filter(|old| old != key)?;
        let retained = retain && self.row(&old).is_some();
        if retained {
            self.give_up(&old);
        } else {
            self.delete_row(&old);
        }
        self.disown(&old);
        Some(AbandonedRow { key: old, retained })
    }

    pub fn disown(&mut self, key: &str) {
        if let Some(entry) = self.holdings.get_mut(key).and_then(|holding| holding.now.take()) {
            self.keys.remove(&entry.object);
        }
    }

    pub fn displace(&mut self, holder: LedgerEntry) {
        if holder.kind == self.context.kind.names.label {
            self.keys.remove(&holder.object);
        }
        self.displaced.push(Owner { kind: holder.kind, object: holder.object });
    }

    /// Lets those who wait for a key try again.
    pub fn reconsider(&mut self, key: &str) {
        self.reconsidered.push(key.to_owned());
    }

    /// Enters the object as owner of its key; returns when its row was last made equal.
    pub fn own(&mut self, object: &ObjectName, sync: &Sync, wrote: bool) -> i64 {
        let key = &sync.desired.key;
        let holding = self.holdings.entry(key.clone()).or_default();
        let mut next = LedgerEntry {
            cluster: self.context.cluster.to_owned(),
            kind: self.context.kind.names.label.clone(),
            object: object.clone(),
            uid: sync.uid.to_string(),
            created: sync.created,
            key: key.clone(),
            generation: sync.generation,
            fingerprint: sync.fingerprint,
            row_fingerprint: sync.row_fingerprint,
            synced_at: self.context.now,
            retain: sync.retain,
        };
        let same = |before: &&LedgerEntry| !wrote && before.object == *object && before.kind == next.kind;
        if let Some(before) = holding.now.as_ref().filter(same) {
            next.synced_at = before.synced_at;
        }
        let synced_at = next.synced_at;
        holding.now = Some(next);
        self.keys.insert(object.clone(), key.clone());
        synced_at
    }

    pub fn into_plan(self, outcomes: Vec<ItemResult>) -> BatchPlan {
        let (mut changes, mut released) = (PlannedChanges::default(), self.reconsidered);
        for (key, cell) in self.rows {
            match (cell.existed, cell.content) {
                (true, Content::Absent) => changes.delete.push(key),
                (true, Content::Write(payload) | Content::Written(payload, _)) => {
                    changes.update.push(PlannedRow { key, payload, as_stored: false });
                }
                (true, Content::Left(payload, _)) => changes.update.push(PlannedRow { key, payload, as_stored: true }),
                (false, Content::Write(payload) | Content::Written(payload, _)) => {
                    changes.insert.push(PlannedRow { key, payload, as_stored: false });
                }
                (false, Content::Absent | Content::Left(..)) | (_, Content::Row(_)) => {}
            }
        }
        for (key, holding) in self.holdings {
            match (holding.before, holding.now) {
                (Some(_), None) => {
                    changes.ledger_remove.push(key.clone());
                    released.push(key);
                }
                (before, Some(now)) if before.as_ref() != Some(&now) => {
                    // an entry that changes hands goes first, so that no object stands in two entries on the way
                    if before.is_some_and(|before| before.object != now.object || before.kind != now.kind) {
                        changes.ledger_remove.push(key);
                    }
                    changes.ledger_put.push(now);
                }
                _ => {}
            }
        }
        BatchPlan { changes, outcomes, displaced: self.displaced, released }
    }
}
