//! The plan as a whole, by properties: whatever comes in whatever order, no row is stolen, none is written twice,
//! none is left behind, and the older resource owns a key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use orloj_operator::plan::{BatchPlan, Context, Drift, DriftCause, Intent, ItemResult, Remove, Sync, Write, plan};
use orloj_operator::registry::{Kind, Registry};
use orloj_operator::resource::{ObjectName, Resource, ResourceId};
use orloj_operator::store::LedgerEntry;
use orloj_operator::store::sealing::{OpenedRow, OpenedSnapshot};
use proptest::prelude::*;
use serde_json::{Value, json};

const WIDGET: &str = "
group: example.org
version: v1
kind: Widget
plural: widgets
description: A thing.
store: {table: widgets, owner: operator, initialPhase: Pending}
schema:
  type: object
  description: What it is.
  properties:
    size: {type: string, description: How large.}
";

const US: &str = "us";

/// A store in memory.
#[derive(Clone, Debug, Default, PartialEq)]
struct Store {
    rows: BTreeMap<String, Value>,
    ledger: BTreeMap<String, LedgerEntry>,
}

impl Store {
    fn view(&self, kind: &Kind, objects: &[ObjectName], keys: &[String]) -> OpenedSnapshot {
        let mut wanted: BTreeSet<&String> = keys.iter().collect();
        let mut view = OpenedSnapshot::default();
        for entry in self.ledger.values() {
            if entry.cluster == US && objects.contains(&entry.object) {
                view.by_object.insert(entry.object.clone(), entry.clone());
                wanted.insert(&entry.key);
            }
        }
        for key in wanted {
            if let Some(entry) = self.ledger.get(key) {
                view.by_key.insert(key.clone(), entry.clone());
            }
            if let Some(payload) = self.rows.get(key) {
                let row = OpenedRow {
                    stored: kind.stored(payload),
                    payload: payload.clone(),
                    sealed: true,
                    unreadable: None,
                };
                view.rows.insert(key.clone(), row);
            }
        }
        view
    }

    fn apply(&mut self, plan: &BatchPlan) {
        for key in &plan.changes.delete {
            assert!(self.rows.remove(key).is_some(), "deleted a row that is not there: {key}");
        }
        for row in &plan.changes.insert {
            assert!(self.rows.insert(row.key.clone(), row.payload.clone()).is_none(), "inserted over a row");
        }
        for row in &plan.changes.update {
            assert!(
                self.rows.insert(row.key.clone(), row.payload.clone()).is_some(),
                "updated a row that is not there"
            );
        }
        for key in &plan.changes.ledger_remove {
            assert!(self.ledger.remove(key).is_some(), "removed a ledger entry that is not there");
        }
        for entry in &plan.changes.ledger_put {
            let twice = self
                .ledger
                .values()
                .any(|other| other.cluster == entry.cluster && other.object == entry.object && other.key != entry.key);
            assert!(!twice, "one object in two ledger entries: {entry:?}");
            self.ledger.insert(entry.key.clone(), entry.clone());
        }
    }
}

/// A resource as the test wants it to be.
#[derive(Clone, Debug)]
struct Wanted {
    created: i64,
    size: u8,
    target: Option<&'static str>,
    retain: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Apply { namespace: &'static str, name: &'static str, size: u8, target: Option<&'static str>, retain: bool },
    Delete { namespace: &'static str, name: &'static str, retain: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let namespace = prop::sample::select(vec!["x", "y", "z"]);
    let name = prop::sample::select(vec!["a", "b"]);
    let target = prop::option::of(prop::sample::select(vec!["x", "y"]));
    prop_oneof![
        4 => (namespace.clone(), name.clone(), 0..3_u8, target, prop::bool::weighted(0.2))
            .prop_map(|(namespace, name, size, target, retain)| Step::Apply { namespace, name, size, target, retain }),
        1 => (namespace, name, any::<bool>())
            .prop_map(|(namespace, name, retain)| Step::Delete { namespace, name, retain }),
    ]
}

fn resource(kind: &Kind, object: &ObjectName, wanted: &Wanted) -> Resource {
    let annotations = wanted.target.map(|target| ("orloj.dev/target-namespace".to_owned(), target.to_owned()));
    Resource {
        id: ResourceId { kind: kind.index, object: object.clone() },
        uid: format!("uid-{object}").into(),
        generation: 1,
        version: 0,
        created: wanted.created,
        labels: BTreeMap::new(),
        annotations: annotations.into_iter().collect(),
        finalizers: Vec::new(),
        deleting: false,
        unreadable: None,
        spec: json!({"size": format!("s{}", wanted.size)}),
        status: Value::Null,
    }
}

struct World {
    registry: Registry,
    store: Store,
    live: BTreeMap<ObjectName, Wanted>,
    clock: i64,
    /// Rows given up by `retain`: nobody's, until adopted.
    given_up: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        let registry = Registry::from_files([("widget.yaml".to_owned(), WIDGET.to_owned())]).expect("a good kind");
        Self { registry, store: Store::default(), live: BTreeMap::new(), clock: 0, given_up: BTreeSet::new() }
    }

    fn kind(&self) -> &Kind {
        &self.registry.kinds()[0]
    }

    fn sync(&self, object: &ObjectName) -> Intent {
        let wanted = &self.live[object];
        let desired = self.kind().desired(&resource(self.kind(), object, wanted)).expect("a valid resource");
        Intent::Sync(Box::new(Sync {
            uid: format!("uid-{object}").into(),
            created: wanted.created,
            generation: 1,
            fingerprint: [wanted.size; 16],
            row_fingerprint: [wanted.size; 16],
            retain: wanted.retain,
            desired,
        }))
    }

    fn run(&mut self, batch: &[(ObjectName, Intent)]) -> BatchPlan {
        let objects: Vec<_> = batch.iter().map(|(object, _)| object.clone()).collect();
        let keys: Vec<_> = batch
            .iter()
            .map(|(_, intent)| match intent {
                Intent::Sync(sync) => sync.desired.key.clone(),
                Intent::Remove(remove) => remove.key.clone(),
            })
            .collect();
        self.clock += 1_000_000;
        let context = Context { kind: self.kind(), cluster: US, now: self.clock };
        let plan = plan(context, self.store.view(self.kind(), &objects, &keys), batch);
        self.store.apply(&plan);
        for outcome in &plan.outcomes {
            match outcome {
                ItemResult::Removed { key: Some(key), retained: true } => drop(self.given_up.insert(key.clone())),
                ItemResult::Conflict { left: Some(left), .. } => {
                    assert_eq!(self.store.rows.contains_key(&left.key), left.retained, "told wrongly: {left:?}");
                    assert!(!self.store.ledger.contains_key(&left.key), "left, and owned: {left:?}");
                    if left.retained {
                        self.given_up.insert(left.key.clone());
                    }
                }
                _ => {}
            }
        }
        plan
    }

    /// What the reconciler does with a plan's consequences: the displaced and those who wait for a key come again.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 20, "the resources keep fighting over their keys");
            let batch: Vec<_> = self.live.keys().map(|object| (object.clone(), self.sync(object))).collect();
            let before = self.store.clone();
            self.run(&batch);
            if self.store == before {
                return;
            }
        }
    }

    fn step(&mut self, steps: &[Step]) {
        let mut batch: HashMap<ObjectName, Intent> = HashMap::new();
        let mut order = Vec::new();
        for step in steps {
            let (object, intent) = match step {
                Step::Apply { namespace, name, size, target, retain } => {
                    let object = ObjectName::new(*namespace, *name);
                    let age = i64::try_from(self.live.len()).unwrap_or(0) + self.clock;
                    let created = self.live.get(&object).map_or(age, |wanted| wanted.created);
                    self.live.insert(object.clone(), Wanted { created, size: *size, target: *target, retain: *retain });
                    let intent = self.sync(&object);
                    (object, intent)
                }
                Step::Delete { namespace, name, retain } => {
                    let object = ObjectName::new(*namespace, *name);
                    self.live.remove(&object);
                    let key = object.to_string();
                    (object, Intent::Remove(Remove { key, retain: *retain }))
                }
            };
            if batch.insert(object.clone(), intent).is_none() {
                order.push(object);
            }
        }
        let batch: Vec<_> = order.into_iter().filter_map(|object| batch.remove_entry(&object)).collect();
        self.run(&batch);
    }

    fn check_promises(&self) {
        for key in self.store.rows.keys() {
            assert!(self.store.ledger.contains_key(key) || self.given_up.contains(key), "nobody's row: {key}");
        }
        let mut claims: BTreeMap<String, Vec<(i64, &ObjectName)>> = BTreeMap::new();
        for (object, wanted) in &self.live {
            let key = format!("{}/{}", wanted.target.unwrap_or(&object.namespace), object.name);
            claims.entry(key).or_default().push((wanted.created, object));
        }
        for (key, claimants) in &claims {
            let oldest = claimants.iter().min().expect("at least one").1;
            let entry = self.store.ledger.get(key).unwrap_or_else(|| panic!("nobody owns {key}"));
            assert_eq!(&entry.object, oldest, "NoStolenRows: the older owns {key}");
            let size = format!("s{}", self.live[oldest].size);
            assert_eq!(self.store.rows[key]["spec"]["size"], size, "Convergence: the row of {key}");
        }
        for (key, entry) in &self.store.ledger {
            assert!(entry.cluster != US || claims.contains_key(key), "NoLostDelete: {key} is owned by a ghost");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// `Convergence`, `NoStolenRows`, `NoLostDelete`, `Quiet`, for every history of applies, moves and deletes.
    #[test]
    fn every_history_converges(history in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..8)) {
        let mut world = World::new();
        for steps in &history {
            world.step(steps);
        }
        world.settle();
        world.check_promises();
    }

    /// `Quiet`: a batch that comes again writes nothing.
    #[test]
    fn the_same_again_writes_nothing(steps in prop::collection::vec(step(), 1..8)) {
        let mut world = World::new();
        world.step(&steps);
        world.settle();
        let batch: Vec<_> = world.live.keys().map(|object| (object.clone(), world.sync(object))).collect();
        let again = world.run(&batch);
        prop_assert!(again.changes.insert.is_empty() && again.changes.update.is_empty() && again.changes.delete.is_empty());
        prop_assert!(again.changes.ledger_put.is_empty() && again.changes.ledger_remove.is_empty());
    }

    /// `NoStolenRows`: what another cluster owns is neither written nor deleted.
    #[test]
    fn another_clusters_rows_are_left_alone(steps in prop::collection::vec(step(), 1..8)) {
        let mut world = World::new();
        let foreign = json!({"metadata": {"name": "a", "namespace": "x"}, "spec": {"size": "foreign"}, "status": {}});
        world.store.rows.insert("x/a".to_owned(), foreign.clone());
        world.store.ledger.insert("x/a".to_owned(), LedgerEntry {
            cluster: "them".to_owned(),
            kind: "Widget".to_owned(),
            object: ObjectName::new("x", "a"),
            uid: "u".to_owned(),
            created: i64::MAX,
            key: "x/a".to_owned(),
            generation: 1,
            fingerprint: [0; 16],
            row_fingerprint: [0; 16],
            synced_at: 0,
            retain: false,
        });
        world.step(&steps);
        prop_assert_eq!(&world.store.rows["x/a"], &foreign);
        prop_assert_eq!(&world.store.ledger["x/a"].cluster, "them");
    }
}

fn one(world: &mut World, namespace: &'static str, size: u8) -> ItemResult {
    world.step(&[Step::Apply { namespace, name: "a", size, target: None, retain: false }]);
    let object = ObjectName::new(namespace, "a");
    let intent = world.sync(&object);
    world.run(&[(object, intent)]).outcomes.remove(0)
}

/// Versions by the store's rules (`kinds/ORLOJD.md` 2.5): +1 a write, generation only with the spec, status kept.
#[test]
fn a_write_counts_versions_and_keeps_what_orlojd_wrote() {
    let mut world = World::new();
    one(&mut world, "x", 0);
    let row = world.store.rows.get_mut("x/a").unwrap();
    assert_eq!((&row["metadata"]["resourceVersion"], &row["metadata"]["generation"]), (&json!("1"), &json!(1)));
    let created = row["metadata"]["createdAt"].clone();
    row["metadata"]["resourceVersion"] = json!("7");
    row["status"] = json!({"phase": "Ready", "observedGeneration": 1, "extra": [1]});
    let outcome = one(&mut world, "x", 0);
    assert!(matches!(outcome, ItemResult::Synced { write: Write::Unchanged, .. }), "{outcome:?}");
    one(&mut world, "x", 1);
    let row = &world.store.rows["x/a"];
    assert_eq!(row["metadata"]["resourceVersion"], "8");
    assert_eq!(row["metadata"]["generation"], 2);
    assert_eq!(row["metadata"]["createdAt"], created);
    assert_eq!(row["status"], json!({"phase": "Ready", "observedGeneration": 1, "extra": [1]}));
}

/// A write to the row of a resource that has not changed names what it puts right; any other write names nothing.
#[test]
fn what_another_program_made_of_a_row_is_named() {
    let repaired = |change: fn(&mut World)| {
        let mut world = World::new();
        one(&mut world, "x", 1);
        change(&mut world);
        let object = ObjectName::new("x", "a");
        let intent = world.sync(&object);
        match world.run(&[(object, intent)]).outcomes.remove(0) {
            ItemResult::Synced { repaired, .. } => repaired.map(|drift| *drift),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(repaired(|_| {}), None);
    let deleted = repaired(|world| {
        world.store.rows.remove("x/a");
    });
    assert_eq!(deleted, Some(Drift { cause: DriftCause::Deleted, fields: Vec::new() }));
    let dropped = repaired(|world| {
        world.store.rows.get_mut("x/a").unwrap()["spec"] = json!({});
    });
    assert_eq!(dropped, Some(Drift { cause: DriftCause::Dropped, fields: vec!["spec.size".to_owned()] }));
    let changed = repaired(|world| {
        let row = world.store.rows.get_mut("x/a").unwrap();
        row["spec"]["size"] = json!("other");
        row["metadata"]["labels"] = json!({"app.kubernetes.io/name": "x"});
    });
    let fields = vec![r#"metadata.labels[app.kubernetes.io/name]"#.to_owned(), "spec.size".to_owned()];
    assert_eq!(changed, Some(Drift { cause: DriftCause::Changed, fields }));
    // another spec is another generation
    let mut world = World::new();
    one(&mut world, "x", 1);
    let object = ObjectName::new("x", "a");
    let Intent::Sync(mut sync) = world.sync(&object) else { unreachable!() };
    sync.generation += 1;
    sync.desired.spec = json!({"size": "new"});
    let outcome = world.run(&[(object, Intent::Sync(sync))]).outcomes.remove(0);
    assert!(matches!(outcome, ItemResult::Synced { write: Write::Updated, repaired: None, .. }), "{outcome:?}");
}

/// A row of the original operator is taken over as it stands.
#[test]
fn an_equal_row_is_adopted_without_a_write() {
    let mut world = World::new();
    let object = ObjectName::new("x", "a");
    world.live.insert(object.clone(), Wanted { created: 1, size: 0, target: None, retain: false });
    let Intent::Sync(sync) = world.sync(&object) else { unreachable!() };
    let mut payload = world.kind().payload(&sync.desired, None, &Value::Null);
    payload["metadata"]["resourceVersion"] = json!("41");
    world.store.rows.insert("x/a".to_owned(), payload.clone());
    let intent = world.sync(&object);
    let plan = world.run(&[(object, intent)]);
    assert!(matches!(plan.outcomes[0], ItemResult::Synced { write: Write::Unchanged, adopted: true, .. }));
    assert_eq!(world.store.rows["x/a"], payload);
    assert!(world.store.ledger.contains_key("x/a"));
}

/// Hazard 10: a row that a `SealedSecret` owns is refused, not taken.
#[test]
fn a_sealed_secrets_row_is_refused() {
    let mut world = World::new();
    let object = ObjectName::new("x", "a");
    world.live.insert(object.clone(), Wanted { created: 1, size: 0, target: None, retain: false });
    let theirs = json!({"metadata": {"name": "a", "namespace": "x",
        "annotations": {"orloj.dev/sealedsecret-owner": "x/a"}}, "spec": {}, "status": {"phase": "Ready"}});
    world.store.rows.insert("x/a".to_owned(), theirs.clone());
    let intent = world.sync(&object);
    let plan = world.run(&[(object, intent)]);
    assert!(matches!(&plan.outcomes[0], ItemResult::Refused { text, .. } if text.contains("SealedSecret")));
    assert_eq!(world.store.rows["x/a"], theirs);
}

/// `retain` leaves the row, without the marks of ownership.
#[test]
fn a_retained_row_is_nobodys() {
    let mut world = World::new();
    one(&mut world, "x", 0);
    world.step(&[Step::Delete { namespace: "x", name: "a", retain: true }]);
    let row = &world.store.rows["x/a"];
    assert_eq!(row["metadata"].get("annotations"), None);
    assert_eq!(row["metadata"]["resourceVersion"], "2");
    assert!(world.store.ledger.is_empty());
}

/// What becomes of the row of a resource that cannot have its new key is told, and `retain` leaves it.
#[test]
fn a_row_that_is_left_for_a_conflict_is_told() {
    for retain in [false, true] {
        let mut world = World::new();
        one(&mut world, "x", 0);
        let (young, name) = ("y", "a");
        let mut apply = |target| {
            world.step(&[Step::Apply { namespace: young, name, size: 1, target, retain }]);
            let object = ObjectName::new(young, name);
            let before = world.store.rows.get("y/a").cloned();
            (before, world.store.rows.get("x/a").cloned(), object)
        };
        apply(None);
        let (left, others, object) = apply(Some("x"));
        assert_eq!(others.unwrap()["spec"]["size"], "s0", "NoStolenRows");
        let left = left.map(|row| row["metadata"].get("annotations").cloned());
        assert_eq!(left, retain.then_some(None), "without the marks, or gone");
        let intent = world.sync(&object);
        let again = world.run(&[(object, intent)]);
        assert!(matches!(&again.outcomes[0], ItemResult::Conflict { left: None, .. }), "told once: {again:?}");
    }
}

/// Told of the one that has it now.
#[test]
fn a_row_that_is_left_and_taken_up_at_once_is_nobodys_loss() {
    let mut world = World::new();
    one(&mut world, "x", 0);
    one(&mut world, "y", 0);
    // y leaves its key for x's, and z moves in
    for (namespace, target) in [("y", "x"), ("z", "y")] {
        let object = ObjectName::new(namespace, "a");
        let wanted = Wanted { created: i64::MAX, size: 1, target: Some(target), retain: true };
        world.live.insert(object, wanted);
    }
    let batch = ["y", "z"].map(|namespace| ObjectName::new(namespace, "a"));
    let batch = batch.map(|object| (object.clone(), world.sync(&object)));
    let plan = world.run(&batch);
    assert!(matches!(&plan.outcomes[0], ItemResult::Conflict { left: None, .. }), "{plan:?}");
    assert!(matches!(&plan.outcomes[1], ItemResult::Synced { adopted: true, .. }), "{plan:?}");
}
