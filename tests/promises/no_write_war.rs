//! `NoWriteWar`: two writers that undo each other cost a bounded number of writes. The other writer is a real process
//! that undoes what it finds four times a second; the operator looks at changed rows more often than that.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::eventually;
use crate::second_writer::SecondWriter;
use crate::world::{PATIENCE, World, condition};

/// How long the wars last that are counted.
const WAR: Duration = Duration::from_secs(25);

/// What they cost at most: the first repair, and those after 5 to 10 and 10 to 20 s more, by `REPAIRS`.
const REPAIRS: f64 = 4.0;

/// After the other writer has stopped, the next repair comes within 40 s, and has stood after a minute more.
const PEACE: Duration = Duration::from_mins(4);

/// What orlojd 0.3.0 does to a row when it has looked at a new generation: it writes the status, and the payload
/// through types that lack these fields (`kinds/ORLOJD.md` 6).
fn as_orlojd_0_3_0(table: &str) -> String {
    let fields: &[&str] = match table {
        "agent_systems" => &["a2a", "context_adapter", "completion_review"],
        "model_endpoints" => &["allowPrivate"],
        "mcp_servers" => &["idle_timeout", "resources", "allowPrivate", "default_tool_runtime"],
        _ => &["cli", "wasm", "a2a"],
    };
    let dropped: String = fields.iter().map(|field| format!(" #- '{{spec,{field}}}'")).collect();
    let graph = "coalesce((select jsonb_object_agg(key, value - 'delegate_join' - 'review' - 'delegates') \
                 from jsonb_each(payload->'spec'->'graph')), '{}')";
    let spec = if table == "agent_systems" {
        format!("jsonb_set(payload{dropped}, '{{spec,graph}}', {graph})")
    } else {
        format!("(payload{dropped})")
    };
    let generation = "coalesce((payload->'metadata'->>'generation')::int, 0)";
    let version = "to_jsonb(((payload->'metadata'->>'resourceVersion')::int + 1)::text)";
    let status = format!("jsonb_build_object('phase', 'Ready', 'observedGeneration', {generation})");
    format!(
        "update {table} set status_phase = 'ready', updated_at = now(), payload = jsonb_set(jsonb_set({spec}, \
         '{{status}}', {status}), '{{metadata,resourceVersion}}', {version}) \
         where coalesce((payload->'status'->>'observedGeneration')::int, 0) <> {generation}"
    )
}

impl World {
    fn row_updates(&self, table: &str) -> f64 {
        let labels = [("table", table), ("action", "update")];
        self.operator().metric("orloj_operator_store_rows_total", &labels).unwrap_or(0.0)
    }

    fn api_writes(&self, kind: &str, what: &str) -> f64 {
        self.operator().metric("orloj_operator_api_writes_total", &[("kind", kind), ("what", what)]).unwrap_or(0.0)
    }

    /// Waits until a resource says that it is contested; returns what it says.
    fn wait_contested(&self, kind: &str, name: &str) -> String {
        let object = self.wait_failed(kind, name, "Contested");
        let synced = condition(&object["status"], "Synced");
        assert_eq!(synced["status"], "False", "{object}");
        assert_eq!(object["status"]["observedGeneration"], object["metadata"]["generation"], "{object}");
        synced["message"].as_str().expect("a message").to_owned()
    }

    fn contested_events(&self, kind: &str, name: &str) -> usize {
        let events = self.kubectl(&["get", "events.events.k8s.io", "-o", "json"]).json();
        let about = |event: &&Value| {
            event["reason"] == "Contested" && event["regarding"]["kind"] == kind && event["regarding"]["name"] == name
        };
        events["items"].as_array().expect("a list").iter().filter(about).count()
    }

    /// The other writer has stopped: all is put right, and nobody writes any more.
    fn wait_peace(&self) {
        let began = Instant::now();
        eventually(PEACE, "all is right again", || {
            self.check_converged().map_err(|why| format!("{why}; log:\n{}", self.log_tail()))
        });
        eprintln!("peace after {:?}", began.elapsed());
        self.wait_still();
    }
}

/// Lets a war go on until [`WAR`] is over; returns what `count` has grown by.
fn cost(count: impl Fn() -> f64) -> f64 {
    let before = count();
    // a span is the subject here
    std::thread::sleep(WAR);
    count() - before
}

/// What only normalisation filled in is no difference: an orlojd that does not know the fields costs no write.
#[test]
fn fields_that_an_older_orlojd_drops_and_nobody_set_are_no_difference() {
    let world = World::start("older");
    let graph = json!({"a": {"edges": [{"to": "b"}]}, "b": {}});
    world.apply("AgentSystem", "flow", &json!({"agents": ["a", "b"], "graph": graph}));
    world.apply("ModelEndpoint", "gpt", &json!({"default_model": "m"}));
    world.apply("McpServer", "files", &json!({"transport": "stdio", "command": "x"}));
    world.apply("Tool", "search", &json!({"type": "http", "endpoint": "http://x"}));
    world.wait_converged();
    let tables = ["agent_systems", "model_endpoints", "mcp_servers", "tools"];
    let orlojd: Vec<_> = tables.iter().map(|table| SecondWriter::sql(&world, &as_orlojd_0_3_0(table))).collect();
    eventually(PATIENCE, "orlojd has written each row", || {
        let logs: Vec<_> = orlojd.iter().map(SecondWriter::log).collect();
        if orlojd.iter().all(|writer| writer.changed() > 0) { Ok(()) } else { Err(format!("{logs:?}")) }
    });
    let row = world.row("AgentSystem", "flow").unwrap();
    assert_eq!((&row["spec"]["a2a"], &row["spec"]["graph"]["a"]["delegate_join"]), (&Value::Null, &Value::Null));
    world.wait_status("AgentSystem", "flow", |status| status["phase"] == "Ready");
    world.wait_swept();
    world.wait_settled();
    for table in tables {
        assert!(world.row_updates(table) < 1.0, "{table}: {}", world.log_tail());
    }
    assert!(orlojd.iter().all(|writer| writer.changed() == 1), "each generation is looked at once");
}

/// What somebody set and an older orlojd drops is restored ever more slowly, and the resource says so.
#[test]
fn a_field_that_an_older_orlojd_drops_is_restored_ever_more_slowly() {
    let world = World::start("drops");
    world.apply("AgentSystem", "flow", &json!({"agents": ["a"], "graph": {"a": {}}, "a2a": {"enabled": true}}));
    world.wait_synced("AgentSystem", "flow");
    let orlojd = SecondWriter::sql(&world, &as_orlojd_0_3_0("agent_systems"));
    let said = world.wait_contested("AgentSystem", "flow");
    assert!(said.contains("spec.a2a.enabled") || said.contains("spec.a2a "), "{said}");
    assert!(said.contains("older than these fields"), "{said}");
    let spent = cost(|| world.row_updates("agent_systems"));
    assert!(spent <= REPAIRS && orlojd.changed() >= 2, "{spent} repairs, {} times undone", orlojd.changed());
    assert_eq!(world.contested_events("AgentSystem", "flow"), 1);
    let told = [("kind", "AgentSystem"), ("what", "row")];
    assert!(world.operator().metric("orloj_operator_undone_total", &told).unwrap() >= 1.0);
    let state = [("kind", "AgentSystem"), ("state", "contested")];
    assert!(world.operator().metric("orloj_operator_resources", &state).unwrap() > 0.0);
    // what orlojd reports is told all the same
    let object = world.object("AgentSystem", "flow");
    assert_eq!(object["status"]["phase"], "Ready", "{object}");
    drop(orlojd);
    world.wait_peace();
    assert_eq!(world.row("AgentSystem", "flow").unwrap()["spec"]["a2a"]["enabled"], true);
}

/// A script on a timer, in REST or in SQL; other resources are not delayed by it, and a change of the resource begins
/// anew.
#[test]
fn a_script_that_overwrites_a_field_is_answered_ever_more_slowly() {
    let world = World::start("script");
    world.apply("Memory", "notes", &json!({"type": "kv", "provider": "pg"}));
    world.wait_synced("Memory", "notes");
    let script = SecondWriter::sql(
        &world,
        "update memories set payload = jsonb_set(payload, '{spec,type}', '\"theirs\"'), updated_at = now() \
         where name like '%/notes' and payload->'spec'->>'type' <> 'theirs'",
    );
    let said = world.wait_contested("Memory", "notes");
    assert!(said.contains("changes spec.type of the row"), "{said}");
    let spent = cost(|| world.row_updates("memories"));
    assert!(spent <= REPAIRS && script.changed() >= 2, "{spent} repairs, {} times undone", script.changed());
    world.apply("Memory", "other", &json!({"type": "kv"}));
    world.wait_synced("Memory", "other");
    world.apply("Memory", "notes", &json!({"type": "kv", "provider": "redis"}));
    world.wait_row("Memory", "notes", |row| row["spec"]["provider"] == "redis");
    drop(script);
    world.wait_peace();
}

/// A restart in the midst of a war does not begin it anew.
#[test]
fn a_restart_does_not_begin_the_war_anew() {
    let world = World::start("again");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    let script = SecondWriter::sql(&world, "delete from memories");
    let said = world.wait_contested("Memory", "notes");
    assert!(said.contains("deletes the row"), "{said}");
    for _ in 0..3 {
        world.operator().stop();
        world.operator().start_again();
        world.wait_leading();
        world.wait_swept();
    }
    let inserted = script.changed();
    assert!(inserted <= 6, "{inserted} rows were written");
    drop(script);
    world.wait_peace();
}

/// A trigger in the database that rewrites each row as it is written.
#[test]
fn a_trigger_that_rewrites_rows_is_answered_ever_more_slowly() {
    let world = World::start("trigger");
    world.database.psql(
        "create function theirs() returns trigger language plpgsql as $$ begin \
         new.payload := jsonb_set(new.payload, '{spec,type}', '\"theirs\"'); return new; end $$; \
         create trigger theirs before insert or update on memories for each row execute function theirs()",
    );
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    let said = world.wait_contested("Memory", "notes");
    assert!(said.contains("spec.type"), "{said}");
    let spent = cost(|| world.row_updates("memories"));
    assert!((1.0..=REPAIRS).contains(&spent), "{spent} repairs");
    world.database.psql("drop trigger theirs on memories");
    world.wait_peace();
}

/// Two operators of one cluster on one database and the same resources, with different kind files: rows and statuses.
#[test]
fn two_operators_with_different_registries_come_to_rest() {
    let first = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kinds");
    let second = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(format!("{first}/widget.yaml")).unwrap();
    let other = text.replace("{set: [spec.size], to: medium, if: blank}", "{set: [spec.size], to: small, if: blank}");
    assert_ne!(text, other);
    std::fs::write(second.path().join("widget.yaml"), other).unwrap();
    let mut world = World::named("registries").kinds(first).also_namespace("ops").start();
    let ops = format!("{}-ops", world.namespace);
    world.grant(&ops, world.namespaces());
    let kubeconfig = world.cluster.service_account_kubeconfig(&ops, crate::world::SERVICE_ACCOUNT);
    world.set_env("KUBECONFIG", &kubeconfig.display().to_string());
    world.set_env("ORLOJ_OPERATOR_NAMESPACE", &ops);
    world.set_kinds(second.path());
    world.start_operator();
    world.wait_leading();
    world.cluster.establish(&orloj_operator::registry::crd::crds_yaml(&world.registry));
    world.apply("Widget", "w", &json!({}));
    let labels = [("table", "widgets"), ("action", "update")];
    let count = |what: &str, labels: &[(&str, &str)]| -> f64 {
        world.operators().iter().map(|operator| operator.metric(what, labels).unwrap_or(0.0)).sum()
    };
    world.wait_contested("Widget", "w");
    let rows = cost(|| count("orloj_operator_store_rows_total", &labels));
    assert!(rows <= 2.0 * REPAIRS, "{rows} writes of rows");
    let statuses = cost(|| count("orloj_operator_api_writes_total", &[("kind", "Widget"), ("what", "status")]));
    assert!(statuses <= 6.0 * REPAIRS, "{statuses} writes of statuses");
    world.operators()[1].stop();
    eventually(PEACE, "the first one has its way", || {
        let row = world.row("Widget", "w").ok_or("no row")?;
        let object = world.object("Widget", "w");
        let synced = condition(&object["status"], "Synced")["status"] == "True";
        if row["spec"]["size"] == "medium" && synced { Ok(()) } else { Err(format!("{row} {object}")) }
    });
}

/// A program that takes the finalizer off wherever it finds it.
#[test]
fn a_finalizer_that_is_taken_off_is_put_back_ever_more_slowly() {
    let world = World::start("finalizer");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    let crd = world.kind("Memory").names.crd();
    let patch = ["--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#];
    let stripper = SecondWriter::patch(&world, &crd, "notes", "{.metadata.finalizers}", &patch);
    let said = world.wait_contested("Memory", "notes");
    assert!(said.contains("the finalizer orloj.dev/sync"), "{said}");
    let spent = cost(|| world.api_writes("Memory", "finalizer"));
    assert!(spent <= REPAIRS && stripper.changed() >= 2, "{spent} repairs, {} times undone", stripper.changed());
    assert_eq!(world.contested_events("Memory", "notes"), 1);
    // nothing else of the resource is delayed
    world.apply("Memory", "notes", &json!({"type": "vector"}));
    world.wait_row("Memory", "notes", |row| row["spec"]["type"] == "vector");
    drop(stripper);
    world.wait_peace();
}

/// A program that overwrites the status, as the original operator does where it still runs.
#[test]
fn a_status_that_is_overwritten_is_restored_ever_more_slowly() {
    let world = World::start("overwritten");
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Memory", "notes");
    let crd = world.kind("Memory").names.crd();
    let patch = ["--subresource=status", "--type=merge", "-p", r#"{"status":{"conditions":null,"phase":"Theirs"}}"#];
    let writer = SecondWriter::patch(&world, &crd, "notes", "{.status.conditions}", &patch);
    eventually(PATIENCE, "an Event says so", || match world.contested_events("Memory", "notes") {
        1 => Ok(()),
        count => Err(format!("{count} Events; log:\n{}", world.log_tail())),
    });
    let spent = cost(|| world.api_writes("Memory", "status"));
    assert!(spent <= REPAIRS && writer.changed() >= 2, "{spent} repairs, {} times undone", writer.changed());
    drop(writer);
    world.wait_peace();
}

/// Annotations of a resource are its author's: nothing is put back, and each version is followed.
#[test]
fn annotations_that_another_program_takes_off_are_followed() {
    let world = World::named("annotations").also_namespace("b").start();
    let target = format!("{}-b", world.namespace);
    let annotations = json!({"orloj.dev/target-namespace": target});
    let metadata = json!({"name": "notes", "namespace": world.namespace, "annotations": annotations});
    world.apply_with("Memory", &metadata, &json!({"type": "kv"}));
    world.wait_row_at("Memory", &target, "notes", |_| true);
    let crd = world.kind("Memory").names.crd();
    let patch = ["--type=merge", "-p", r#"{"metadata":{"annotations":null}}"#];
    let stripper = SecondWriter::patch(&world, &crd, "notes", "{.metadata.annotations}", &patch);
    world.wait_row("Memory", "notes", |row| row["spec"]["type"] == "kv");
    world.wait_settled();
    assert!(stripper.changed() >= 1);
    drop(stripper);
    world.apply_with("Memory", &metadata, &json!({"type": "kv"}));
    world.wait_row_at("Memory", &target, "notes", |_| true);
    world.wait_no_row("Memory", "notes");
    world.wait_settled();
}
