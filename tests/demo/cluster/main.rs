//! The operator's job on a cluster: a real API server, a real Postgres with orlojd's tables, and `examples/`.
//!
//! Shows each command as one would type it, and checks that it did what is claimed: the first claim that does not
//! hold ends the demo with exit code 1. `DEMO_PAUSE=1` waits for Enter before each step.
#![allow(clippy::expect_used, clippy::panic, reason = "a demo that cannot go on ends")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it is for")]

#[path = "../../bed/mod.rs"]
mod bed;
mod show;
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use show::{Show, Stop};
use world::World;

/// Set by Ctrl-C and SIGTERM.
static STOPPED: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    // relative paths in what is shown are the reader's as well
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).expect("the repository is there");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.spawn(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect("signals can be heard");
        loop {
            tokio::select! {
                result = tokio::signal::ctrl_c() => result.expect("signals can be heard"),
                _ = terminate.recv() => {}
            }
            if STOPPED.swap(true, Ordering::SeqCst) {
                // asked twice: the kernel ends the servers with this process
                std::process::exit(130);
            }
            eprintln!("\n   stopping all that was started");
        }
    });
    let folder = bed::Scratch::new("demo");
    let root = folder.path().parent().map(std::path::Path::to_owned);
    let complain = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Ctrl-C takes along the kubectl that runs, which some step then misses
        if !STOPPED.load(Ordering::SeqCst) {
            complain(panic);
        }
    }));
    // a step that panics (a server that does not start) must not keep the rest from being cleaned up
    let result = std::panic::catch_unwind(run);
    drop(folder);
    if let Some(root) = root {
        let _ = std::fs::remove_dir(root);
    }
    match result {
        Ok(Ok(())) => ExitCode::SUCCESS,
        _ if STOPPED.load(Ordering::SeqCst) => ExitCode::from(130),
        Ok(Err(Stop::Claim(text))) => {
            eprintln!("   ✗ {text}");
            ExitCode::FAILURE
        }
        _ => ExitCode::FAILURE,
    }
}

fn run() -> Result<(), Stop> {
    let mut show = Show::new(&STOPPED);
    show.title("orloj-operator: from kubectl to the rows that orlojd reads");
    show.step("A cluster and a database", "etcd, kube-apiserver, kube-controller-manager and Postgres, of our own")?;
    let world = World::start(&mut show)?;
    install(&mut show, &world)?;
    let rows = apply(&mut show, &world)?;
    edit(&mut show, &world)?;
    map(&mut show, &world)?;
    phase(&mut show, &world)?;
    delete(&mut show, &world, rows)?;
    drop(world);
    show.end();
    Ok(())
}

fn install(show: &mut Show, world: &World) -> Result<(), Stop> {
    show.step(
        "The operator, by its chart",
        "The commands of README's quick start. Its pod runs on a stand-in for a node.",
    )?;
    world.quick_start(show, "where it lives", "kubectl create namespace orloj-system")?;
    world.quick_start(
        show,
        "where the database is, and orlojd's key",
        "kubectl --namespace orloj-system create secret",
    )?;
    world.quick_start(show, "definitions, rights, Deployment", "helm install")?;
    world.quick_start(show, "does the database answer?", "helm test")?;
    world.kubectl(show, "what runs", &["get", "-n", "orloj-system", "deployments,pods"])?;
    let ready = world.ask(8081, "/readyz?verbose")?;
    show.command("what it says of itself", "curl localhost:8081/readyz?verbose", &ready.body);
    show.claim("it is ready", ready.status == 200)?;

    show.step("Its rights", "The program prints them from the files in kinds/, and the chart brings them.")?;
    let account = "--as=system:serviceaccount:orloj-system:orloj-operator";
    let may =
        world.kubectl(show, "it may patch tools", &["auth", "can-i", "patch", "tools.orloj.dev", "-A", account])?;
    show.claim("that it may", may.trim() == "yes")?;
    let may = world.kubectl_any(
        show,
        "and not delete them",
        &["auth", "can-i", "delete", "tools.orloj.dev", "-A", account],
    )?;
    show.claim("that it may not", may.trim() == "no")
}

/// Returns how many rows there are then.
fn apply(show: &mut Show, world: &World) -> Result<usize, Stop> {
    show.step("Resources become rows", "All eight kinds: a support desk, described in examples/README.md.")?;
    world.quick_start(show, "where they live", "kubectl create namespace support")?;
    let applied = world.quick_start(show, "all files", "kubectl apply")?;
    let resources = applied.lines().filter(|line| !line.is_empty()).count();
    world.quick_start(show, "waits for one", "kubectl wait")?;
    show.wait("all resources are acknowledged", || world.synced("support") == resources)?;
    let all = world.plurals();
    let kinds = world.kinds_of("support");
    show.claim(&format!("{resources} resources of {kinds} kinds, all of them Synced"), kinds == 8)?;
    world.quick_start(show, "what kubectl says", "kubectl get")?;
    let tables = "select name, status_phase, payload->'metadata'->>'generation' as generation from";
    let query = format!("{tables} agents union all {tables} agent_systems union all {tables} tools order by 1");
    world.psql(show, "and the rows beside it", &query, &["name", "status_phase", "generation"])?;
    show.claim(&format!("{resources} resources, {resources} rows"), world.row_count() == resources)?;
    let sealed = "select name, left(payload->'spec'->'data'->>'value', 24) || '...' from secrets where name = 'support/model-api'";
    let shown = world.psql(show, "a Secret's row is encrypted", sealed, &["name", "value"])?;
    show.claim("its value is not in the clear", shown.contains("enc:"))?;
    show.claim("and nothing is written any more", world.stays_quiet(&all))?;
    Ok(resources)
}

fn edit(show: &mut Show, world: &World) -> Result<(), Stop> {
    show.step("One edit: one row", "A smaller budget for the desk.")?;
    let before = world.row_versions();
    let patch = r#"{"spec":{"max_tokens_per_run":150000}}"#;
    let name = "agentpolicy/support-desk-budget";
    world.kubectl(show, "the edit", &["patch", "-n", "support", name, "--type=merge", "-p", patch])?;
    let budget =
        "select payload->'spec'->>'max_tokens_per_run' from agent_policies where name = 'support/support-desk-budget'";
    show.wait("the row has it", || world.database.psql(budget) == "150000")?;
    let wait = ["wait", "-n", "support", "--for=condition=Synced", name, "--timeout=30s"];
    world.kubectl(show, "waits until the operator says so", &wait)?;
    let query = "select name, payload->'spec'->>'max_tokens_per_run' as max_tokens_per_run, payload->'metadata'->>'generation' \
                 as generation from agent_policies order by 1";
    world.psql(show, "the rows of all policies", query, &["name", "max_tokens_per_run", "generation"])?;
    let after = world.row_versions();
    let changed = after.iter().filter(|(key, version)| before.get(*key) != Some(version)).count();
    show.claim("one row was written, and no other", changed == 1 && before.len() == after.len())
}

fn map(show: &mut Show, world: &World) -> Result<(), Stop> {
    show.step("Into another namespace", "An annotation says under which namespace orlojd is to find it.")?;
    let annotation = "orloj.dev/target-namespace=payments";
    world.kubectl(show, "maps it", &["annotate", "-n", "support", "tool/issue-refund", annotation])?;
    let place = "select name from tools where name like '%/issue-refund'";
    show.wait("the row has moved", || world.database.psql(place) == "payments/issue-refund")?;
    let query = "select name, namespace, payload->'metadata'->'annotations'->>'orloj.dev/source-namespace' from tools \
                 where name like '%/issue-refund'";
    let columns = ["name", "namespace", "source-namespace"];
    world.psql(show, "its row now", query, &columns)?;
    show.claim("the old row is gone, the new one is there", world.database.psql(place) == "payments/issue-refund")?;
    world.kubectl(show, "the resource is where it was", &["get", "-n", "support", "tool/issue-refund"]).map(drop)
}

fn phase(show: &mut Show, world: &World) -> Result<(), Stop> {
    show.step("The runtime reports", "orlojd writes a phase into the row; here psql does it in its place.")?;
    let query = "update agent_systems set status_phase = 'ready', updated_at = now(), payload = jsonb_set(payload, \
                 '{status}', '{\"phase\": \"Ready\", \"observedGeneration\": 1}') where name = 'support/support-desk'";
    world.psql(show, "as orlojd would", query, &[])?;
    let wait = ["wait", "-n", "support", "--for=condition=Ready", "agentsystem/support-desk", "--timeout=30s"];
    world.kubectl(show, "waits until that has come back", &wait)?;
    let shown = world.kubectl(show, "what kubectl says", &["get", "-n", "support", "agentsystems", "-o", "wide"])?;
    show.claim("the phase is there", shown.contains("Ready"))
}

fn delete(show: &mut Show, world: &World, rows: usize) -> Result<(), Stop> {
    show.step("Deleting", "A finalizer keeps the resource until its row is gone.")?;
    world.kubectl(show, "one of them", &["delete", "-n", "support", "tool/log-search"])?;
    let query = "select count(*) from tools where name = 'support/log-search'";
    let left = world.psql(show, "its row", query, &["count"])?;
    show.claim("gone when kubectl returns", left.trim().ends_with('0'))?;
    show.claim("and only that", world.row_count() == rows - 1)?;
    world.kubectl(show, "and the whole namespace", &["delete", "namespace", "support"])?;
    show.claim("no row is left", world.row_count() == 0)
}
