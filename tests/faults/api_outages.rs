//! The API server goes away, forgets its history, is slow or cannot be reached.

use std::sync::Arc;
use std::time::Duration;

use crate::bed::{ControlPlane, ControlPlaneOptions, TcpProxy, eventually};
use crate::crowd;
use crate::world::{Builder, PATIENCE, World};

/// No outage here is longer than this lease.
fn long_lease(world: Builder) -> Builder {
    world.env("ORLOJ_OPERATOR_LEASE_DURATION", "300s").env("ORLOJ_OPERATOR_RENEW_DEADLINE", "290s")
}

fn control_plane() -> Arc<ControlPlane> {
    let options = ControlPlaneOptions { controller_manager: false, ..ControlPlaneOptions::default() };
    Arc::new(ControlPlane::start(&options))
}

/// `Convergence` and `Quiet` over an API server that is stopped and started: in the middle of a first sync, at rest,
/// and with its history forgotten (410).
#[test]
fn stopped_and_started() {
    let cluster = control_plane();
    let mut world = long_lease(World::named("apiserver")).cluster(&cluster).prepare();
    let proxy = TcpProxy::start(cluster.port());
    crowd::create(&world, 600);
    let (dsn, url) = (world.database.dsn(), format!("https://127.0.0.1:{}", proxy.port()));
    world.start_operator_by(&dsn, Some(&url));
    crowd::wait_acknowledged(&world, 50.0);
    // at once: in good order it would serve on for long enough
    cluster.apiserver().kill();
    assert!(crowd::acknowledged(&world) < 600.0, "it was through already: this proved nothing");
    cluster.apiserver().start();
    let before = world.wait_settled();
    crowd::assert_written_once(&world);

    cluster.apiserver().stop();
    cluster.apiserver().start();
    assert_eq!(world.wait_settled(), before, "at rest nothing is written");

    // A server that starts answers 404 and 403 for a while, after which the operator lists without asking for changes:
    // it is let through once the server is ready.
    proxy.refuse(true);
    proxy.cut();
    cluster.forget_history();
    proxy.refuse(false);
    eventually(PATIENCE, "a watch is too old", || {
        if world.operator().log().contains("too old") { Ok(()) } else { Err(world.log_tail()) }
    });
    assert_eq!(world.wait_settled(), before, "a new list writes nothing");
    assert!(world.operator().process().exited().is_none());
}

/// A leader that cannot renew its lease ends, as it must; the next one waits for the API server and goes on.
#[test]
fn away_for_longer_than_the_lease() {
    let cluster = control_plane();
    let mut world = World::named("lease").cluster(&cluster).short_lease().prepare();
    crowd::create(&world, 400);
    world.start_operator();
    crowd::wait_acknowledged(&world, 20.0);
    cluster.apiserver().kill();
    let ended = world.operator().process().wait(PATIENCE).expect("it ends");
    assert!(!ended.success(), "and not as if all were well");
    world.operator().start_again();
    eventually(PATIENCE, "the next one waits", || {
        let answer = world.operator().health("/readyz")?;
        if answer.status == 503 { Ok(()) } else { Err(answer.body) }
    });
    cluster.apiserver().start();
    eventually(PATIENCE, "the next one is through", || {
        // with a lease this short, a busy machine can end it again; a cluster would start it again, too
        if world.operator().process().exited().is_some() {
            world.operator().start_again();
        }
        world.check_converged()
    });
    world.wait_settled();
    crowd::assert_written_once(&world);
}

/// Changes and deletions that no watch could see, with and without a history to catch up from.
#[test]
fn watches_are_cut_and_refused_while_resources_change() {
    let cluster = control_plane();
    let mut world = long_lease(World::named("watch")).cluster(&cluster).prepare();
    let proxy = TcpProxy::start(cluster.port());
    crowd::create(&world, 80);
    let (dsn, url) = (world.database.dsn(), format!("https://127.0.0.1:{}", proxy.port()));
    world.start_operator_by(&dsn, Some(&url));
    world.wait_settled();
    for (round, forget) in [(0, false), (1, true)] {
        proxy.refuse(true);
        proxy.cut();
        let from = round * 20;
        crowd::change(&world, from..from + 5);
        crowd::delete(&world, from + 5..from + 10);
        crowd::tear_out(&world, from + 10..from + 15);
        crowd::tear_out(&world, from + 15..from + 20);
        crowd::create_some(&world, from + 15..from + 20);
        if forget {
            cluster.forget_history();
        }
        proxy.refuse(false);
        world.wait_settled();
        assert_eq!(crowd::rows(&world), 80 - (round + 1) * 10);
    }
    // cut again and again while changes are under way
    for n in 40..60 {
        crowd::change(&world, n..=n);
        proxy.cut();
    }
    crowd::delete(&world, 60..70);
    proxy.cut();
    world.wait_settled();
    assert_eq!(crowd::rows(&world), 50);
}

/// 200 ms there and back for every call: slower, and otherwise the same.
#[test]
fn a_slow_api_server() {
    let mut world = World::named("latency").prepare();
    let proxy = TcpProxy::start(world.cluster.port());
    proxy.delay(Duration::from_millis(100));
    crowd::create(&world, 100);
    let (dsn, url) = (world.database.dsn(), format!("https://127.0.0.1:{}", proxy.port()));
    world.start_operator_by(&dsn, Some(&url));
    world.wait_settled();
    crowd::assert_written_once(&world);
    crowd::change(&world, 0..20);
    crowd::delete(&world, 20..40);
    world.wait_settled();
    assert_eq!(crowd::rows(&world), 80);
    assert!(world.operator().process().exited().is_none(), "the lease is kept");
}

/// A balancer that holds every connection open while nobody answers behind it. Nothing else would tell: there is no lease
/// to lose, and a watch that hears nothing has nothing to say.
#[test]
fn silence_is_noticed() {
    let mut world = World::named("silence").arg("--leader-elect=false").prepare();
    let proxy = TcpProxy::start(world.cluster.port());
    crowd::create(&world, 20);
    let (dsn, url) = (world.database.dsn(), format!("https://127.0.0.1:{}", proxy.port()));
    world.start_operator_by(&dsn, Some(&url));
    world.wait_settled();
    proxy.freeze(true);
    eventually(Duration::from_mins(1), "the silence is noticed", || {
        let answer = world.operator().health("/readyz")?;
        let told = answer.status == 503 && answer.body.contains("api-server: waiting for the API server: no answer");
        if told { Ok(()) } else { Err(answer.body) }
    });
    crowd::change(&world, 0..5);
    proxy.freeze(false);
    eventually(Duration::from_mins(1), "the operator is ready again", || {
        let answer = world.operator().health("/readyz")?;
        if answer.status == 200 { Ok(()) } else { Err(answer.body) }
    });
    world.wait_settled();
    assert_eq!(crowd::rows(&world), 20);
}
