use super::*;
use crate::reconciler::lanes::Lane;
use crate::status::Reason;
use crate::store::Fingerprint;
use crate::telemetry::readiness::{Liveness, Readiness};

struct Watched {
    observed: MetricsObserver,
    readiness: Readiness,
    metrics: Metrics,
    registry: Arc<Registry>,
}

fn watched(grace: Duration) -> Watched {
    let registry = Arc::new(Registry::embedded().unwrap());
    let (metrics, readiness) = (Metrics::new("1", "abc"), Readiness::default());
    let store = readiness.register("store", "nothing");
    store.ready();
    let heartbeat = Liveness::default().register("reconciler", Duration::from_mins(1));
    let observed = MetricsObserver::new(
        &registry,
        metrics.clone(),
        heartbeat,
        store,
        grace,
        Arc::new(KindHealth::new(&registry, &[], &readiness, &metrics)),
    );
    Watched { observed, readiness, metrics, registry }
}

fn item(result: ItemResult) -> BatchItem {
    BatchItem {
        object: ObjectName::new("a", "x"),
        lane: Lane::Live,
        seen: Instant::now(),
        generation: 1,
        row_fingerprint: Fingerprint::default(),
        result,
    }
}

fn removed() -> BatchItem {
    item(ItemResult::Removed { key: None, retained: false })
}

fn invalid() -> BatchItem {
    item(ItemResult::Invalid { reason: Reason::InvalidSpec, text: "no".to_owned() })
}

fn away() -> StoreError {
    StoreError::Unavailable { detail: "no route".to_owned() }
}

#[test]
fn a_store_that_stays_away_is_told_until_it_is_back() {
    let grace = Duration::from_millis(50);
    let Watched { observed, readiness, registry, .. } = watched(grace);
    let kind = &registry.kinds()[0];
    observed.unavailable(Some(kind), &away());
    assert!(readiness.answer(false).healthy, "it may be back within the grace");
    std::thread::sleep(grace);
    assert!(readiness.answer(false).healthy, "nobody has asked it meanwhile");
    observed.unavailable(Some(kind), &away());
    let told = readiness.answer(false);
    assert!(!told.healthy && told.text.contains("no route"), "{told:?}");
    observed.committed(kind, &[invalid()], Counts::default(), Duration::ZERO);
    assert!(!readiness.answer(false).healthy, "the store was not asked for that");
    observed.committed(kind, &[removed()], Counts::default(), Duration::ZERO);
    assert!(readiness.answer(false).healthy);
    observed.unavailable(None, &away());
    assert!(readiness.answer(false).healthy, "another outage has a grace of its own");
    std::thread::sleep(grace);
    observed.unavailable(None, &away());
    assert!(!readiness.answer(false).healthy);
    observed.swept(0, 0);
    assert!(readiness.answer(false).healthy);
    for _ in 0..2 {
        observed.unavailable(Some(kind), &away());
        std::thread::sleep(grace);
    }
    observed.swept(0, 0);
    assert!(!readiness.answer(false).healthy, "it can be read, and takes nothing");
}

#[test]
fn what_fails_is_counted_by_its_class() {
    let Watched { observed, metrics, registry, .. } = watched(Duration::ZERO);
    let kind = &registry.kinds()[0];
    let object = ObjectName::new("a", "x");
    observed.fetched(kind, &object, Err(&ResourceClientError::Refused("no".to_owned())));
    observed.fetched(kind, &object, Err(&ResourceClientError::Gone));
    observed.fetched(kind, &object, Ok(()));
    let ack = Ack { uid: "u".into(), finalizer: FinalizerChange::Keep, status: None };
    observed.acknowledged(kind, &object, &ack, Err(&ResourceClientError::Stale("other".to_owned())), Duration::ZERO);
    observed.notified(kind, Notified::Dropped);
    observed.committed(kind, &[invalid(), removed()], Counts::default(), Duration::ZERO);
    let text = metrics.expose(None).body;
    let table = &kind.store.table.name;
    for line in [
        r#"orloj_operator_errors_total{class="refused"} 1"#.to_owned(),
        r#"orloj_operator_errors_total{class="stale"} 1"#.to_owned(),
        format!(r#"kind="{}",what="event",outcome="dropped"}} 1"#, kind.names.kind),
        format!(r#"orloj_operator_store_rows_total{{table="{table}",action="unchanged"}} 0"#),
    ] {
        assert!(text.contains(&line), "{line}\n{text}");
    }
    assert!(!text.contains("gone"), "{text}");
}
