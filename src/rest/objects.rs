//! Objects read and written: each write is one decision over the locked row, by the functions that the reconciler uses.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::auth::{Caller, Role, require};
use super::body::{self, Submitted};
use super::guard::{ConflictPolicy, Guard};
use super::refusal::Refusal;
use super::selector::Selector;
use crate::desired::{Desired, Stored, namespace_or_default, scoped};
use crate::go_compat::quote::quote;
use crate::orlojd::next_version;
use crate::plan::{self, Context};
use crate::registry::{ApiSection, Kind};
use crate::resource::{MASK, ObjectName, Resource};
use crate::store::sealing::{Codec, OpenedRow, PlannedRow};
use crate::store::{LedgerEntry, Request, SealedChanges, Snapshot, Store, micros_now};
use crate::telemetry::metrics::RequestMetrics;

/// Most objects on a page.
pub const MAX_PAGE: usize = 1_000;

/// Objects on a page that a selector is filled with, where no limit is given.
const SELECTED_PAGE: usize = 100;

/// Collection of a kind in the REST API.
#[derive(Clone, Copy, Debug)]
pub struct Collection<'a> {
    pub kind: &'a Kind,
    pub api: &'a ApiSection,
}

impl<'a> Collection<'a> {
    /// `None` for a kind that has none.
    #[must_use]
    pub fn of(kind: &'a Kind) -> Option<Self> {
        kind.api.as_ref().map(|api| Self { kind, api })
    }

    /// The kind in a text of what is not found.
    #[must_use]
    pub fn word(&self) -> &str {
        self.api.word.as_deref().unwrap_or(&self.kind.names.singular)
    }

    /// A payload as it is shown: secrets masked, and with the phase that its runtime would have.
    #[must_use]
    pub fn show(&self, mut payload: Value) -> Value {
        self.kind.mask_secrets(&mut payload, |_| false);
        if let Some(phase) = &self.api.shown_phase
            && let Some(status) = payload.get_mut("status").and_then(Value::as_object_mut)
        {
            status.insert("phase".to_owned(), phase.clone().into());
        }
        payload
    }

    fn not_found(&self, name: &str) -> Refusal {
        Refusal::not_found(self.word(), name)
    }
}

/// A page of a list.
#[derive(Debug)]
pub struct ListQuery {
    /// Of one namespace; all where there is none.
    pub namespace: Option<String>,
    pub limit: Option<usize>,
    /// Key of the object before the page.
    pub after: Option<String>,
    pub selector: Selector,
}

/// What a write came to.
#[derive(Debug)]
pub struct Written {
    /// As it is shown; `None` where the object is gone.
    pub object: Option<Value>,
    pub owner: Option<LedgerEntry>,
    /// The conflict policy had a word to say.
    pub managed: bool,
}

/// What a decision asks of the store.
enum Change {
    Put { payload: Value, as_stored: bool },
    Delete,
}

/// The row of a key as a decision sees it.
struct Standing<'s> {
    row: Option<OpenedRow>,
    owner: Option<&'s LedgerEntry>,
}

impl Standing<'_> {
    fn stored(&self) -> Option<&Stored> {
        self.row.as_ref().map(|row| &row.stored)
    }

    /// By the ledger, or by the row's own word: the original operator keeps no ledger.
    fn is_managed(&self) -> bool {
        self.owner.is_some() || self.stored().is_some_and(Stored::is_marked)
    }
}

/// Objects of all collections, in a store.
pub struct Objects<'a> {
    pub store: &'a dyn Store,
    pub codec: &'a Codec,
    pub policy: ConflictPolicy,
    pub require_encryption: bool,
    pub metrics: &'a RequestMetrics,
}

impl Objects<'_> {
    /// An object, and who owns it.
    pub async fn get(
        &self,
        of: Collection<'_>,
        namespace: &str,
        name: &str,
    ) -> Result<(Value, Option<LedgerEntry>), Refusal> {
        let key = key(namespace, name)?;
        let row = self.store.row(&of.kind.store.table, &key).await?.ok_or_else(|| of.not_found(name))?;
        let (mut owner, keys) = (None, [key]);
        for kind in of.kind.row_owners() {
            owner = owner.or(self.store.owners(kind, &keys).await?.pop());
        }
        Ok((of.show(row.payload), owner))
    }

    /// A page of objects in key order, and where the next one begins.
    pub async fn list(&self, of: Collection<'_>, query: &ListQuery) -> Result<(Vec<Value>, Option<String>), Refusal> {
        let size = match query.limit {
            Some(limit) => limit.min(MAX_PAGE),
            None if query.selector.is_empty() => MAX_PAGE,
            None => SELECTED_PAGE,
        };
        let goes_on = query.limit.is_some() || !query.selector.is_empty();
        let prefix = query.namespace.as_ref().map(|namespace| format!("{namespace}/"));
        // keys begin with their namespace, so one namespace is one stretch of them
        let mut after = query.after.clone().max(prefix.clone());
        let mut items = Vec::new();
        loop {
            let page = self
                .store
                .rows(&of.kind.store.table, after.as_deref(), u32::try_from(size).unwrap_or(u32::MAX))
                .await?;
            let whole = page.len() == size;
            for row in page {
                after = Some(row.key.clone());
                if prefix.as_ref().is_some_and(|prefix| !row.key.starts_with(prefix.as_str())) {
                    return Ok((items, None));
                }
                let metadata = &row.payload["metadata"];
                let elsewhere = query.namespace.as_ref().is_some_and(|wanted| metadata["namespace"] != **wanted);
                if elsewhere || !query.selector.takes(&metadata["labels"]) {
                    continue;
                }
                items.push(of.show(row.payload));
                if items.len() == size {
                    return Ok((items, after.filter(|_| goes_on)));
                }
            }
            if !whole {
                return Ok((items, None));
            }
        }
    }

    /// Creates an object or replaces it.
    pub async fn put(
        &self,
        of: Collection<'_>,
        asked: Option<&str>,
        submitted: &Submitted,
        caller: &Caller,
    ) -> Result<Written, Refusal> {
        let desired = self.desired(of, &submitted.resource, caller)?;
        check_namespace(&desired.namespace, asked)?;
        let name = desired.name.clone();
        self.write(of, &desired.key, &name, |standing, guard| {
            if standing.row.is_some() {
                guard.judge(standing.is_managed())?;
            }
            check_version(of, &submitted.counters.resource_version, standing.stored())?;
            let mut payload = next_payload(of.kind, &desired, standing)?;
            if standing.row.is_none() {
                begin(of.kind, &mut payload, submitted);
            }
            Ok(Change::Put { payload, as_stored: false })
        })
        .await
    }

    /// Replaces an object that is there, in the version that is known.
    pub async fn replace(
        &self,
        of: Collection<'_>,
        name: &str,
        asked: Option<&str>,
        mut submitted: Submitted,
        headers: &HeaderMap,
        caller: &Caller,
    ) -> Result<Written, Refusal> {
        let namespace = namespace_or_default(asked.unwrap_or_default());
        let given = submitted.resource.id.object.namespace.to_string();
        submitted.resource.id.object = ObjectName::new(given.clone(), name);
        // a kind with secrets is judged with those that its mask stands for
        let judged = if of.kind.sensitive { None } else { Some(self.desired(of, &submitted.resource, caller)?) };
        self.write(of, &key(&namespace, name)?, name, |standing, guard| {
            let Some(row) = &standing.row else { return Err(of.not_found(name)) };
            let desired = match &judged {
                Some(desired) => desired.clone(),
                None => self.desired(of, &unmasked(of.kind, &submitted.resource, row)?, caller)?,
            };
            check_namespace(&namespace_or_default(&given), Some(&namespace))?;
            let expected = precondition(&submitted.counters.resource_version, headers, &row.stored)?;
            guard.judge(standing.is_managed())?;
            check_version(of, &expected, standing.stored())?;
            Ok(Change::Put { payload: next_payload(of.kind, &desired, standing)?, as_stored: false })
        })
        .await
    }

    /// Deletes an object.
    pub async fn delete(&self, of: Collection<'_>, namespace: &str, name: &str) -> Result<Written, Refusal> {
        let key = key(namespace, name)?;
        self.write(of, &key, name, |standing, guard| {
            if standing.row.is_none() {
                return Err(of.not_found(&key));
            }
            guard.judge(standing.is_managed())?;
            Ok(Change::Delete)
        })
        .await
    }

    /// Replaces the status of an object; who owns the row does not matter, since the status is the runtime's.
    pub async fn put_status(
        &self,
        of: Collection<'_>,
        (namespace, name): (&str, &str),
        (counters, status): (body::Counters, Value),
        headers: &HeaderMap,
    ) -> Result<Written, Refusal> {
        self.write(of, &key(namespace, name)?, name, |standing, _| {
            let Some(row) = &standing.row else { return Err(of.not_found(name)) };
            let expected = precondition(&counters.resource_version, headers, &row.stored)?;
            check_version(of, &expected, standing.stored())?;
            let mut status = status.clone();
            if status["observedGeneration"].as_i64().unwrap_or(0) == 0 {
                status["observedGeneration"] = row.stored.generation.into();
            }
            let mut payload = row.payload.clone();
            payload["status"] = of.kind.normalized_status(&status);
            payload["metadata"]["resourceVersion"] = next_version(&row.stored.resource_version).into();
            // values that cannot be opened stay as they are
            Ok(Change::Put { payload, as_stored: row.unreadable.is_some() })
        })
        .await
    }

    /// Namespaces that hold an object.
    pub async fn namespaces(&self, kinds: impl Iterator<Item = &Kind>) -> Result<Vec<String>, Refusal> {
        let mut found = BTreeSet::new();
        for kind in kinds {
            let mut after: Option<String> = None;
            while let Some((key, _)) = self.store.row_times(&kind.store.table, after.as_deref(), 1).await?.pop() {
                let namespace = key.rsplit_once('/').map_or("", |(namespace, _)| namespace);
                found.insert(namespace.to_owned());
                // what follows a slash sorts before what follows a zero
                after = Some(format!("{namespace}0")).max(Some(key));
            }
        }
        if found.is_empty() {
            found.insert(namespace_or_default(""));
        }
        Ok(found.into_iter().collect())
    }

    /// The row that was asked for.
    fn desired(&self, of: Collection<'_>, resource: &Resource, caller: &Caller) -> Result<Desired, Refusal> {
        if self.require_encryption && of.kind.sensitive && !self.codec.encrypts() {
            return Err(Refusal::invalid(
                "the server runs with --require-encryption but has no encryption key; nothing was stored",
            ));
        }
        let desired = of.kind.submitted(resource).map_err(|invalid| Refusal::invalid(invalid.text))?;
        let said = |path: &String| {
            path.split('.').skip(1).try_fold(&desired.spec, |value, name| value.get(name)).and_then(Value::as_str)
        };
        let wanted = &of.api.admin_where;
        if !wanted.is_empty() && wanted.iter().all(|(path, value)| said(path) == Some(value)) {
            require(caller, Role::Admin)?;
        }
        Ok(desired)
    }

    /// Decides on a row under its lock, and writes what was decided.
    async fn write(
        &self,
        of: Collection<'_>,
        key: &str,
        name: &str,
        decide: impl Fn(&Standing<'_>, &mut Guard<'_>) -> Result<Change, Refusal> + Send + Sync,
    ) -> Result<Written, Refusal> {
        let (kind, keys) = (of.kind, [key.to_owned()]);
        let request =
            Request { cluster: "", kind: &kind.names.kind, table: &kind.store.table, objects: &[], keys: &keys };
        let mut guard = Guard::new(self.policy, &kind.names.kind, name);
        let decided = self
            .store
            .edit_with(&request, |snapshot: &Snapshot| {
                guard = Guard::new(self.policy, &kind.names.kind, name);
                let row = snapshot.rows.get(key).map(|payload| self.codec.open(kind, payload.clone()));
                let standing = Standing { row, owner: snapshot.by_key.get(key) };
                decide(&standing, &mut guard).and_then(|change| {
                    let changes = self.changes(kind, key, standing.row.is_some(), &change)?;
                    Ok(((change, standing.owner.cloned()), changes))
                })
            })
            .await;
        if let Some(verdict) = guard.verdict() {
            self.metrics.judged(self.policy.label(), verdict.label(), &kind.names.kind);
        }
        match decided {
            Ok((change, owner)) => {
                guard.log();
                let object = match change {
                    Change::Put { payload, .. } => Some(of.show(payload)),
                    Change::Delete => None,
                };
                Ok(Written { object, owner, managed: guard.speaks() })
            }
            Err(refusal) => Err(Refusal { managed: guard.speaks(), ..refusal }),
        }
    }

    fn changes(&self, kind: &Kind, key: &str, stands: bool, change: &Change) -> Result<SealedChanges, Refusal> {
        let mut changes = SealedChanges::default();
        match change {
            Change::Delete => changes.delete.push(key.to_owned()),
            Change::Put { payload, as_stored } => {
                let row = PlannedRow { key: key.to_owned(), payload: payload.clone(), as_stored: *as_stored };
                let sealed = self.codec.seal(kind, row).map_err(|error| Refusal::invalid(error.to_string()))?;
                if stands { changes.update.push(sealed) } else { changes.insert.push(sealed) }
            }
        }
        Ok(changes)
    }
}

/// Where an object stands. No row has a key with U+0000 in it, and no database takes one.
fn key(namespace: &str, name: &str) -> Result<String, Refusal> {
    let key = scoped(namespace, name);
    if key.contains('\0') {
        return Err(Refusal::invalid("the name must not contain U+0000: the store cannot hold it"));
    }
    Ok(key)
}

fn check_namespace(given: &str, asked: Option<&str>) -> Result<(), Refusal> {
    let Some(asked) = asked.map(namespace_or_default).filter(|asked| asked != given) else { return Ok(()) };
    Err(Refusal::invalid(format!(
        "metadata.namespace {} does not match request namespace {}",
        quote(given),
        quote(&asked)
    )))
}

/// Refuses a version that is not the stored one; none matches all.
fn check_version(of: Collection<'_>, expected: &str, stored: Option<&Stored>) -> Result<(), Refusal> {
    let current = stored.map_or("", |stored| stored.resource_version.trim());
    let fits = expected.is_empty() || expected == current && stored.is_some() || expected == "0" && stored.is_none();
    if fits {
        return Ok(());
    }
    Err(Refusal::conflict(format!(
        "{} resourceVersion conflict: expected={} current={}",
        of.kind.names.kind,
        quote(expected),
        quote(current)
    )))
}

/// The version that an update asks for, in its body or as `If-Match`.
fn precondition(given: &str, headers: &HeaderMap, stored: &Stored) -> Result<String, Refusal> {
    let header = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let header = header.strip_prefix("W/").unwrap_or(header).trim_matches('"');
    let header = if header == "*" { stored.resource_version.trim() } else { header };
    match (given, header) {
        ("", "") => Err(Refusal::conflict(
            "resourceVersion precondition required for update (set metadata.resourceVersion or If-Match)",
        )),
        (given, "") => Ok(given.to_owned()),
        (given, header) if given.is_empty() || given == header => Ok(header.to_owned()),
        (given, header) => Err(Refusal::conflict(format!(
            "metadata.resourceVersion {} does not match If-Match {}",
            quote(given),
            quote(header)
        ))),
    }
}

/// The payload of the next write; the marks of the row's owner stay on it.
fn next_payload(kind: &Kind, desired: &Desired, standing: &Standing<'_>) -> Result<Value, Refusal> {
    if let Some(why) = standing.row.as_ref().and_then(|row| row.unreadable.as_ref()) {
        let text = format!("the stored object cannot be read: {why}; start the server with the key that sealed it");
        return Err(Refusal::new(StatusCode::CONFLICT, text));
    }
    let mut desired = desired.clone();
    desired.annotations.extend(standing.stored().into_iter().flat_map(Stored::owner_marks));
    let context = Context { kind, cluster: "", now: micros_now() };
    Ok(plan::next_payload(context, &desired, standing.stored()))
}

/// What a new object may bring along.
fn begin(kind: &Kind, payload: &mut Value, submitted: &Submitted) {
    let counters = &submitted.counters;
    if counters.generation > 0 {
        payload["metadata"]["generation"] = counters.generation.into();
    }
    if !counters.created_at.trim().is_empty() {
        payload["metadata"]["createdAt"] = counters.created_at.clone().into();
    }
    payload["status"] = kind.normalized_status(&submitted.status);
}

/// The submitted resource with the stored values where it repeats their mask.
fn unmasked(kind: &Kind, resource: &Resource, row: &OpenedRow) -> Result<Resource, Refusal> {
    let mut resource = resource.clone();
    let mut payload = json!({ "spec": resource.spec.take() });
    let mut stored = row.payload.clone();
    let nothing = Map::new();
    let known = kind.secret_data_mut(&mut stored).map_or(&nothing, |data| &*data);
    if let Some(data) = kind.secret_data_mut(&mut payload) {
        for (name, value) in data.iter_mut().filter(|(_, value)| value.as_str() == Some(MASK)) {
            *value = known.get(name).cloned().ok_or_else(|| {
                let path = kind.secret_path();
                let name = quote(name);
                Refusal::invalid(format!("{path}: {name} is {MASK}, and no stored value has that key; give the value"))
            })?;
        }
    }
    resource.spec = payload["spec"].take();
    Ok(resource)
}

/// Only the parts of an object that its status route tells.
#[must_use]
pub fn status_of(mut object: Value) -> Value {
    json!({ "metadata": object["metadata"].take(), "status": object["status"].take() })
}
