//! Does the test bed itself work? Starts every server for real.

#![allow(clippy::expect_used, reason = "a test may fail")]

#[path = "mod.rs"]
mod bed;

use std::time::{Duration, Instant};

use bed::{ControlPlane, ControlPlaneOptions, Kubectl, Operator, Postgres, PostgresOptions, Process, Spec};
use bed::{Scratch, TableWrites, TcpProxy, Tls, eventually};
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);

fn crd(plural: &str, kind: &str) -> String {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.bed.test")},
        "spec": {
            "group": "bed.test", "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object",
                "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "maximum": 9}}}}
            }}}]
        }
    })
    .to_string()
}

fn object(kind: &str, name: &str, size: u32) -> String {
    json!({"apiVersion": "bed.test/v1", "kind": kind, "metadata": {"name": name}, "spec": {"size": size}}).to_string()
}

fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn the_api_server_judges_schemas_and_rights() {
    let plane = bed::control_plane();
    plane.establish(&crd("boxes", "Box"));
    plane.kubectl_stdin(["apply", "-f", "-"], &object("Box", "small", 1)).expect_ok();
    let refused = plane.kubectl_stdin(["apply", "-f", "-"], &object("Box", "big", 10));
    assert!(!refused.ok && refused.stderr.contains("should be less than or equal to 9"), "{}", refused.stderr);

    let account = Kubectl::new(plane.service_account_kubeconfig("rights", "reader"));
    let list = ["get", "boxes.bed.test", "-n", "default", "-o", "name"];
    let refused = account.run(list);
    assert!(!refused.ok && refused.stderr.contains("forbidden"), "{}", refused.stderr);
    let role = ["create", "clusterrole", "reader", "--verb=get,list", "--resource=boxes.bed.test"];
    plane.kubectl(role).expect_ok();
    let binding = ["create", "clusterrolebinding", "reader", "--clusterrole=reader", "--serviceaccount=rights:reader"];
    plane.kubectl(binding).expect_ok();
    let listed = eventually(SOON, "the binding takes effect", || {
        let output = account.run(list);
        if output.ok { Ok(output.stdout) } else { Err(output.stderr) }
    });
    assert_eq!(listed.trim(), "box.bed.test/small");
}

#[test]
fn writes_are_counted() {
    let plane = bed::control_plane();
    plane.establish(&crd("counts", "Count"));
    assert!(plane.writes("counts") < 0.5);
    plane.kubectl_stdin(["create", "-f", "-"], &object("Count", "a", 1)).expect_ok();
    plane.kubectl_stdin(["apply", "-f", "-"], &object("Count", "a", 2)).expect_ok();
    plane.kubectl(["get", "counts.bed.test"]).expect_ok();
    assert!((plane.writes("counts") - 2.0).abs() < 0.5);
    let patches = plane.metric("apiserver_request_total", &[("verb", "PATCH"), ("resource", "counts")]);
    assert!((patches - 1.0).abs() < 0.5);
}

#[test]
fn namespaces_end() {
    let plane = bed::control_plane();
    plane.service_account_token("short-lived", "someone");
    plane.kubectl(["delete", "namespace", "short-lived", "--timeout=60s"]).expect_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_expire_and_data_outlives_restarts() {
    let options = ControlPlaneOptions { controller_manager: false, ..ControlPlaneOptions::default() };
    let started = Instant::now();
    let plane = ControlPlane::start(&options);
    println!("control plane without controllers ready after {:?}", started.elapsed());
    plane.establish(&crd("ages", "Age"));
    let client = plane.admin_client().await;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("bed.test", "v1", "Age"), "ages");
    let ages: Api<DynamicObject> = Api::default_namespaced_with(client, &resource);
    plane.kubectl_stdin(["apply", "-f", "-"], &object("Age", "old", 1)).expect_ok();
    let old = ages.get("old").await.expect("it was applied").metadata.resource_version.expect("the server sets it");
    plane.kubectl_stdin(["apply", "-f", "-"], &object("Age", "old", 2)).expect_ok();

    let before = plane.apiserver().process().pid();
    plane.forget_history();
    assert_ne!(plane.apiserver().process().pid(), before);
    let watch = format!("/apis/bed.test/v1/ages?watch=true&timeoutSeconds=5&resourceVersion={old}");
    let output = plane.kubectl(["get", "--raw", &watch]);
    assert!(output.stdout.contains("\"code\":410"), "{output:?}");
    assert_eq!(ages.get("old").await.expect("it survived").data["spec"]["size"], 2);

    plane.etcd().kill();
    plane.etcd().start();
    let size = eventually(SOON, "etcd is back with its data", || {
        let output = plane.kubectl(["get", "ages.bed.test", "old", "-o", "jsonpath={.spec.size}"]);
        if output.ok { Ok(output.stdout) } else { Err(output.stderr) }
    });
    assert_eq!(size, "2");
}

#[test]
fn a_proxy_can_cut_refuse_and_delay() {
    let plane = bed::control_plane();
    let proxy = TcpProxy::start(plane.port());
    let url = format!("https://127.0.0.1:{}", proxy.port());
    let account = Kubectl::new(plane.service_account_kubeconfig_at("proxied", "someone", &url));
    let ask = || account.run(["version"]);
    ask().expect_ok();
    let passed = proxy.accepted();
    assert!(passed > 0, "it did not go through the proxy");
    proxy.refuse(true);
    assert!(!ask().ok);
    proxy.refuse(false);
    proxy.delay(Duration::from_millis(100));
    let started = Instant::now();
    ask().expect_ok();
    // TLS and one request: two ways there and back.
    assert!(started.elapsed() >= Duration::from_millis(400), "{:?}", started.elapsed());
    proxy.delay(Duration::ZERO);
    proxy.freeze(true);
    let frozen = account.run(["version", "--request-timeout=300ms"]);
    assert!(!frozen.ok);
    proxy.freeze(false);

    let database = bed::postgres().database();
    let proxy = TcpProxy::start(bed::postgres().port());
    let sleeper = Scratch::new("psql");
    let log = sleeper.path().join("log");
    let statement = ["-X", "-c", "select pg_sleep(60)"].map(str::to_owned);
    let session = Process::start(&Spec::new("psql", &log).args(statement).args([database.dsn_via(proxy.port())]));
    let session = session.expect("psql is there");
    eventually(SOON, "the session is open", || {
        let sessions = database.psql("select count(*) from pg_stat_activity where query like 'select pg_sleep%'");
        if sessions == "1" { Ok(()) } else { Err(format!("{sessions} sessions; {}", session.log())) }
    });
    proxy.cut();
    let status = session.wait(SOON).expect("the session ends when it is cut");
    assert!(!status.success());
}

#[test]
fn orlojd_s_tables_and_the_counts_of_writes() {
    let database = bed::postgres().database();
    database.apply_orlojd_schema();
    assert_eq!(database.psql("select max(version) from schema_migrations"), "008_spec_hash");
    assert_eq!(database.psql("select count(*) from pg_stat_user_tables"), "9");
    let insert = "insert into tools (name, payload) values ('default/a', '{}'), ('default/b', '{}')";
    database.psql(insert);
    assert_eq!(database.psql("select risk_level, isolation_mode, status_phase from tools limit 1"), "low\tnone\t");
    let too_long = database.try_psql("insert into agents (name, payload) values (repeat('x', 254), '{}')");
    assert!(too_long.expect_err("the name is too long").contains("chk_agents_name_len"));

    let before = database.row_versions();
    database.psql("select name from tools for update; begin; delete from tools; rollback");
    assert_eq!(database.row_versions(), before);
    database.psql("update tools set namespace = namespace where name = 'default/a'");
    assert_ne!(database.row_versions()["public.tools"], before["public.tools"]);
    assert_eq!(database.row_versions()["public.agents"], before["public.agents"]);

    let expected = TableWrites { inserted: 2, updated: 1, deleted: 2 };
    eventually(SOON, "all writes are reported", || {
        // The deletion that was rolled back counts, too.
        let counted = database.write_counters()["public.tools"];
        if counted == expected { Ok(()) } else { Err(format!("{counted:?}")) }
    });

    database.set_read_only(true);
    let refused = database.try_psql("delete from tools").expect_err("the database is read-only");
    assert!(refused.contains("read-only"), "{refused}");
    database.set_read_only(false);
    database.psql("delete from tools");
}

#[test]
fn postgres_stops_crashes_pauses_and_keeps_its_data() {
    let options = PostgresOptions {
        password: Some("p@ss/word".to_owned()),
        tls: Tls::Required,
        settings: vec![("max_connections".to_owned(), "20".to_owned())],
        ..PostgresOptions::default()
    };
    let started = Instant::now();
    let server = Postgres::start(&options);
    println!("Postgres ready after {:?}", started.elapsed());
    let database = server.database();
    database.psql("create table t (i int); insert into t values (1)");
    assert_eq!(database.psql("select ssl from pg_stat_ssl where pid = pg_backend_pid()"), "t");
    assert_eq!(database.psql("show max_connections"), "20");
    server.create_role("reader", "se'cret");
    assert!(database.dsn_as("reader", Some("se'cret")).contains("reader:se%27cret@"));
    server.stop();
    assert!(database.try_psql("select 1").is_err());
    server.start_again();
    server.crash_and_restart();
    assert_eq!(database.psql("select i from t"), "1");
    server.pause();
    let probe = std::thread::spawn({
        let database = database.clone();
        move || database.psql("select i from t")
    });
    std::thread::sleep(Duration::from_millis(300));
    assert!(!probe.is_finished(), "a paused server answers");
    server.resume();
    assert_eq!(probe.join().expect("it answers now"), "1");

    let pids = bed::descendants(server.process().pid());
    assert!(pids.len() > 3, "{pids:?}");
    drop(server);
    assert!(!pids.into_iter().any(alive));
}

#[test]
fn an_operator_is_started_watched_and_ended() {
    // Any program will do; the shell takes what the bed appends as its own arguments.
    let operator = Operator::at("/bin/sh").args(["-c", "echo \"$0 $1 $GREETING\"; exec sleep 600"]);
    let operator = operator.env("GREETING", "hello").start();
    eventually(SOON, "it has logged", || {
        let log = operator.log();
        if log.contains("--healthz-addr=127.0.0.1:") && log.contains("hello") { Ok(()) } else { Err(log) }
    });
    assert!(!operator.ready());
    assert!(operator.process().rss_bytes() > 0 && operator.process().cpu_seconds() < 1.0);
    let first = operator.process().pid();
    operator.pause();
    operator.resume();
    operator.stop();
    assert!(!alive(first));
    operator.start_again();
    let second = operator.process().pid();
    assert!(alive(second));
    drop(operator);
    assert!(!alive(second));
}

#[test]
fn no_descendant_survives_the_guard() {
    let folder = Scratch::new("guard");
    let script = "setsid sleep 600 & sleep 600 & echo ready; wait";
    let spec = Spec::new("/bin/sh", folder.path().join("log")).args(["-c", script]);
    let process = Process::start(&spec).expect("a shell is there");
    let pids = eventually(SOON, "both children run", || {
        let pids = bed::descendants(process.pid());
        if pids.len() == 2 { Ok(pids) } else { Err(format!("{pids:?}")) }
    });
    let (parent, path) = (process.pid(), folder.path().to_owned());
    drop(process);
    drop(folder);
    assert!(!path.exists());
    for pid in [parent].into_iter().chain(pids) {
        eventually(SOON, "the process is gone", || if alive(pid) { Err(pid) } else { Ok(()) });
    }
}

/// Not a test: what `nothing_survives_a_killed_test_process` runs and kills.
#[test]
#[ignore = "runs until it is killed"]
fn victim() {
    let started = Instant::now();
    let etcd_and_more = bed::control_plane();
    println!("control plane with controllers ready after {:?}", started.elapsed());
    let mut pids = vec![
        etcd_and_more.etcd().process().pid(),
        etcd_and_more.apiserver().process().pid(),
        etcd_and_more.controller_manager().expect("it is asked for by default").process().pid(),
        bed::postgres().process().pid(),
    ];
    pids.extend(bed::descendants(bed::postgres().process().pid()));
    etcd_and_more.etcd().process().pause();
    let root = Scratch::new("any").path().parent().expect("a root").to_owned();
    println!("victim {} {pids:?}", root.display());
    std::thread::sleep(Duration::from_mins(10));
}

#[test]
fn nothing_survives_a_killed_test_process() {
    let folder = Scratch::new("victim");
    let this = std::env::current_exe().expect("this is a program");
    let spec = Spec::new(this, folder.path().join("log"));
    let process = Process::start(&spec.args(["--ignored", "--exact", "victim", "--nocapture"])).expect("it runs");
    let line = eventually(Duration::from_mins(3), "the victim's servers run", || {
        let log = process.log();
        let line = log.lines().find_map(|line| Some(line.split_once("victim /")?.1.to_owned()));
        assert!(process.exited().is_none(), "the victim has ended: {log}");
        line.ok_or(log)
    });
    let (root, pids) = line.split_once(" [").expect("a folder and pids");
    let root = std::path::PathBuf::from(format!("/{root}"));
    let pids: Vec<u32> = pids.trim_end_matches(']').split(", ").map(|pid| pid.parse().expect("a pid")).collect();
    // The first four are the servers; of Postgres's own some come and go.
    assert!(pids.len() > 5 && pids.iter().take(4).all(|&pid| alive(pid)), "{pids:?}");
    assert!(root.exists());
    println!("{}", process.log());
    process.signal(nix::sys::signal::Signal::SIGKILL);
    process.wait(SOON).expect("nobody survives SIGKILL");
    for pid in pids {
        eventually(SOON, "the server is gone", || if alive(pid) { Err(pid) } else { Ok(()) });
    }
    bed::remove_stale();
    assert!(!root.exists(), "its folder is still there");
}
