//! Postgres goes away, hangs, turns read-only or changes its password.

use serde_json::json;

use crate::bed::{self, Postgres, PostgresOptions, eventually};
use crate::crowd;
use crate::slow_store::{fast_inserts, slow_inserts};
use crate::world::{PATIENCE, World};

const CROWD: usize = 600;

/// Commits are on disk, as a server that crashes must not lose what it has told; and nothing writes but who is asked.
fn postgres() -> Postgres {
    let settings = vec![("autovacuum".to_owned(), "off".to_owned())];
    Postgres::start(&PostgresOptions { fsync: true, settings, ..PostgresOptions::default() })
}

/// In the middle of a first sync of a crowd.
fn in_mid_sync(name: &'static str, postgres: &Postgres) -> World {
    let mut world = World::named(name).env("ORLOJ_OPERATOR_BATCH_SIZE", "25").postgres(postgres).prepare();
    crowd::create(&world, CROWD);
    slow_inserts(&world, 0.2);
    world.start_operator();
    crowd::wait_rows(&world, 100);
    assert!(crowd::rows(&world) < CROWD, "it was through already: this proved nothing");
    world
}

/// What holds at the end: settled, every row written once, and no transaction that took an id since.
fn assert_settled(world: &World, postgres: &Postgres) {
    world.wait_settled();
    crowd::assert_written_once(world);
    let next_id = || postgres.maintenance().psql("select pg_snapshot_xmax(pg_current_snapshot())");
    let before = next_id();
    // a span is the subject here: a sweep and some reads
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(next_id(), before, "Postgres's own count of writing transactions");
}

/// `Convergence` over a server that crashes at once, and over one that is away for long.
#[test]
fn stopped_and_started_in_mid_sync() {
    let postgres = postgres();
    let world = in_mid_sync("crash", &postgres);
    postgres.crash_and_restart();
    crowd::wait_rows(&world, 200);
    postgres.process().signal(nix::sys::signal::Signal::SIGQUIT);
    postgres.process().wait(PATIENCE).expect("Postgres ends");
    eventually(PATIENCE, "an outage that lasts is told", || {
        let told = world.objects().iter().filter(|object| is_told(object)).count();
        if told > 0 { Ok(()) } else { Err(world.log_tail()) }
    });
    assert!(world.operator().process().exited().is_none(), "it waits, and does not end");
    eventually(PATIENCE, "and says so", || {
        let answer = world.operator().health("/readyz")?;
        if answer.status == 503 && answer.body.starts_with("store: ") { Ok(()) } else { Err(answer.body) }
    });
    assert_eq!(world.operator().health("/healthz").expect("an answer").status, 200);
    postgres.start_again();
    fast_inserts(&world);
    world.operator().wait_ready(PATIENCE);
    assert_settled(&world, &postgres);
}

/// A leader with nothing to write notices too, by reading rows back.
#[test]
fn an_outage_at_rest_is_told() {
    let postgres = postgres();
    let world = World::named("rest").postgres(&postgres).start();
    world.apply("Memory", "m", &json!({"type": "kv"}));
    world.wait_settled();
    postgres.process().signal(nix::sys::signal::Signal::SIGQUIT);
    postgres.process().wait(PATIENCE).expect("Postgres ends");
    eventually(PATIENCE, "it is told", || {
        let answer = world.operator().health("/readyz")?;
        if answer.status == 503 && answer.body.starts_with("store: ") { Ok(()) } else { Err(answer.body) }
    });
    postgres.start_again();
    world.operator().wait_ready(PATIENCE);
}

/// `Convergence` over a server that hangs for longer than any limit on a statement: its end is what the status tells.
#[test]
fn paused_in_mid_sync() {
    let postgres = postgres();
    let world = in_mid_sync("pause", &postgres);
    postgres.pause();
    eventually(PATIENCE, "an outage that lasts is told", || {
        let told = world.objects().iter().filter(|object| is_told(object)).count();
        if told > 0 { Ok(()) } else { Err(world.log_tail()) }
    });
    postgres.resume();
    fast_inserts(&world);
    assert_settled(&world, &postgres);
}

fn is_told(object: &serde_json::Value) -> bool {
    crate::world::condition(&object["status"], "Synced")["reason"] == "StoreUnavailable"
}

/// `Convergence` over a fail-over: the server is a standby for a while, then a primary again.
#[test]
fn read_only_and_back() {
    let postgres = postgres();
    let world = in_mid_sync("standby", &postgres);
    world.database.set_read_only(true);
    let refused = || world.operator().metric("orloj_operator_errors_total", &[("class", "unavailable")]).unwrap_or(0.0);
    // the batch in flight may still get through; after a first refusal none is
    eventually(PATIENCE, "it finds a standby", || if refused() > 0.0 { Ok(()) } else { Err(world.log_tail()) });
    let (before, so_far) = (crowd::rows(&world), refused());
    eventually(PATIENCE, "it tries again", || if refused() > so_far { Ok(()) } else { Err(world.log_tail()) });
    assert_eq!(crowd::rows(&world), before);
    world.database.set_read_only(false);
    fast_inserts(&world);
    assert_settled(&world, &postgres);
    // at rest, and a change meanwhile
    world.database.set_read_only(true);
    crowd::change(&world, 0..10);
    eventually(PATIENCE, "it is told", || {
        let told = world.objects().iter().filter(|object| is_told(object)).count();
        if told == 10 { Ok(()) } else { Err(format!("{told}; log:\n{}", world.log_tail())) }
    });
    world.database.set_read_only(false);
    world.wait_settled();
}

/// A changed password needs no restart where the DSN comes from a file.
#[test]
fn a_password_changes() {
    let options = PostgresOptions { password: Some("superuser".to_owned()), ..PostgresOptions::default() };
    let postgres = Postgres::start(&options);
    let folder = bed::Scratch::new("dsn");
    postgres.create_role("writer", "first");
    postgres.maintenance().psql("alter role writer superuser");
    let builder = World::named("password").postgres(&postgres);
    let file = folder.path().join("dsn");
    let mut world = builder.env("ORLOJ_POSTGRES_DSN_FILE", file.display().to_string()).prepare();
    let write = |world: &World, password: &str| {
        folder.write("dsn", &world.database.dsn_as("writer", Some(password)));
    };
    write(&world, "first");
    crowd::create(&world, 20);
    world.start_operator();
    world.wait_settled();
    let change = |world: &World, password: &str| {
        world.database.psql(&format!("alter role writer password '{password}'"));
        world.database.end_sessions();
    };
    // the password first: refused for a while
    change(&world, "second");
    world.apply("Memory", "between", &json!({"type": "kv"}));
    eventually(PATIENCE, "it is refused", || {
        let log = world.operator().log();
        if log.contains("28P01") { Ok(()) } else { Err(world.log_tail()) }
    });
    write(&world, "second");
    world.wait_settled();
    // the file first: no harm done
    write(&world, "third");
    change(&world, "third");
    world.apply("Memory", "after", &json!({"type": "kv"}));
    world.wait_settled();
    crowd::assert_written_once(&world);
    let log = world.operator().log();
    assert!(["first", "second", "third"].iter().all(|word| !log.contains(&format!(":{word}@"))), "`NoPlaintext`");
}
