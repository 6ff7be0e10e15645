//! `plan`, case by case.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::foretold;
use crate::on_both;
use crate::program::memory;
use crate::stage::{KEY, Stage, kind};

on_both![plan: every_action_is_told, a_store_without_a_ledger_is_empty];

fn in_namespace(name: &str, annotation: &str) -> String {
    format!(
        "apiVersion: orloj.dev/v1\nkind: Memory\nmetadata:\n  name: {name}\n  namespace: team-a\n  annotations: {{{annotation}}}\nspec: {{type: vector}}\n"
    )
}

/// `action kind key` of each change.
fn told(plan: &Value) -> Vec<String> {
    let changes = plan["changes"].as_array().unwrap().iter();
    let word = |change: &Value, field: &str| change[field].as_str().unwrap().to_owned();
    changes.map(|change| [word(change, "action"), word(change, "kind"), word(change, "key")].join(" ")).collect()
}

fn every_action_is_told(stage: &mut Stage) {
    stage.desk.key = Some(KEY.to_owned());
    let secret = |value: &str| {
        format!(
            "apiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {{name: api}}\nspec:\n  stringData: {{token: {value}, same: x}}\n"
        )
    };
    stage.manifests(&[
        memory("changes", "vector"),
        memory("goes", "vector"),
        in_namespace("moves", ""),
        in_namespace("stays", "orloj.dev/deletion-policy: retain"),
        in_namespace("waits", "orloj.dev/suspend: 'true'"),
        secret("pl4nted-one"),
    ]);
    stage.sync("").expect(0);
    let by_rest = json!({"apiVersion": "orloj.dev/v1", "kind": "Memory", "spec": {"type": "kv"},
        "metadata": {"name": "found", "namespace": "default", "generation": 1, "resourceVersion": "1"}});
    stage.put(kind("memory"), &BTreeMap::from([("default/found".to_owned(), Some(by_rest))]));
    stage.manifests(&[
        memory("changes", "kv"),
        memory("comes", "vector"),
        memory("found", "vector"),
        in_namespace("moves", "orloj.dev/target-namespace: prod"),
        in_namespace("waits", "orloj.dev/suspend: 'true'"),
        memory("status", "vector"),
        secret("pl4nted-two"),
    ]);
    let mark = stage.mark();
    let ran = stage.plan("--prune").expect(1);
    assert_eq!(stage.mark(), mark);
    let plan = ran.json();
    assert_eq!(
        told(&plan),
        [
            "change Memory default/changes",
            "create Memory default/comes",
            "adopt Memory default/found",
            "delete Memory default/goes",
            "refuse Memory default/status",
            "move Memory prod/moves",
            "release Memory team-a/stays",
            "change Secret default/api",
        ]
    );
    let change = |key: &str| plan["changes"].as_array().unwrap().iter().find(|change| change["key"] == key).unwrap();
    let fields = &change("default/changes")["fields"];
    assert_eq!(*fields, json!([{"path": "spec.type", "before": "vector", "after": "kv"}]));
    let fields = &change("default/api")["fields"];
    assert_eq!(*fields, json!([{"path": "spec.data.token", "before": "***", "after": "***", "masked": true}]));
    let refused = change("default/status");
    let error = "metadata.name \"status\" is a reserved subresource name";
    assert_eq!((&refused["reason"], &refused["error"]), (&"InvalidMetadata".into(), &error.into()));
    assert_eq!((&refused["file"], &refused["line"]), (&"m/005.yaml".into(), &4.into()));
    assert_eq!(change("prod/moves")["from"], "team-a/moves");
    assert_eq!((&plan["summary"]["suspended"], &plan["summary"]["unchanged"]), (&1.into(), &0.into()));

    // without --prune nothing goes
    let kept = told(&stage.plan("").expect(1).json());
    assert!(!kept.iter().any(|told| told.starts_with("delete") || told.starts_with("release")), "{kept:?}");

    let table = stage.run("plan m --prune").expect(1);
    for part in [
        "~ change   Memory  default/changes\n    ~ spec.type: \"vector\" -> \"kv\"\n",
        "    ~ spec.data.token: \"***\" -> \"***\"\n",
        "> move     Memory  prod/moves       from team-a/moves\n",
        "7 resources: 1 to create, 2 to change, 1 to adopt, 1 to move, 1 to delete, 1 to release, 1 to refuse, 0 unchanged, 1 suspended\n",
    ] {
        assert!(table.out.contains(part), "{part}\n{}", table.out);
    }
    // the API server's words come first
    let by_server = "error: m/005.yaml:4:9: Memory default/status: metadata.name must be none of status, ";
    let by_operator = format!("  note: in the status: {error}\n");
    assert!(table.err.contains(by_server) && table.err.contains(&by_operator), "{table:?}");
    for ran in [&ran, &table] {
        assert!(!format!("{ran:?}").contains("pl4nted") && !format!("{ran:?}").contains("cGw0bnRlZ"), "{ran:?}");
    }
    // the documented schema is met
    let schema = stage.desk.run("plan --schema").expect(0).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<_> = validator.iter_errors(&plan).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// And stays without.
fn a_store_without_a_ledger_is_empty(stage: &mut Stage) {
    stage.manifests(&[memory("a", "vector")]);
    let mark = stage.mark();
    let plan = stage.plan("--prune").expect(2).json();
    assert_eq!(told(&plan), ["create Memory default/a"]);
    assert_eq!(stage.mark(), mark);
    stage.sync("").expect(0);
    stage.plan("--prune").expect(0);
}

#[test]
fn reading_is_right_enough() {
    let stage = Stage::postgres();
    let database = stage.database.clone().unwrap();
    stage.manifests(&[memory("a", "vector"), memory("b", "vector")]);
    stage.sync("").expect(0);
    stage.manifests(&[memory("a", "kv")]);
    database.psql(
        "create role looks login password 'looks';\n\
         grant usage on schema orloj_operator to looks;\n\
         grant select on all tables in schema public, orloj_operator to looks;",
    );
    let dsn = database.dsn_as("looks", Some("looks"));
    let run = |words: &str| crate::program::run(stage.desk.command(words).args(["--store", &dsn]));
    assert_eq!(
        told(&run("plan m --prune -o json").expect(2).json()),
        ["change Memory default/a", "delete Memory default/b"]
    );
    assert!(run("export").expect(0).out.contains("name: b"));
    // as on a standby
    database.set_read_only(true);
    run("plan m").expect(2);
    run("get memory").expect(0);
    database.set_read_only(false);
    database.psql("revoke select on memories from looks");
    let denied = run("plan m").expect(1);
    assert!(denied.err.contains("may not SELECT on table memories"), "{denied:?}");
    database.psql("drop owned by looks; drop role looks");
}

#[test]
fn a_store_that_cannot_be_planned_for_is_told() {
    let stage = Stage::of(crate::bed::postgres().database());
    stage.manifests(&[memory("a", "vector")]);
    // sync would end with the same
    for command in ["plan m", "sync m"] {
        let ran = stage.run(command);
        assert!(ran.code != 0 && ran.err.contains("table memories is not there: start orlojd once"), "{ran:?}");
        if command == "plan m" {
            assert_eq!(
                stage
                    .database
                    .as_ref()
                    .unwrap()
                    .psql("select count(*) from pg_namespace where nspname = 'orloj_operator'"),
                "0"
            );
        }
    }
    let created = stage.run("plan m --create-tables -o json").expect(2).json();
    assert_eq!(told(&created), ["create Memory default/a"]);

    let stage = Stage::postgres();
    stage.migrate();
    stage.database.as_ref().unwrap().psql("delete from orloj_operator.migrations where version > 1");
    let outdated = stage.run("plan m").expect(1);
    assert!(outdated.err.contains("is at version 1 and has to be at "), "{outdated:?}");
}

#[test]
fn exit_codes_tell_a_failure_from_a_change() {
    let stage = Stage::sqlite();
    stage.manifests(&[memory("a", "vector")]);
    for words in ["plan", "plan m --bogus", "plan none", "plan m --cluster", "plan m --store mysql://x", "plan m"] {
        stage.desk.run(words).expect(1);
    }
    stage.run("plan m").expect(2);
    assert!(!stage.desk.path("o.db").exists());
    stage.sync("").expect(0);
    stage.run("plan m").expect(0);
    stage.desk.write("b.yaml", "a: b: c\n");
    let broken = stage.run("plan m --prune").expect(1);
    assert!(
        broken.err.contains("error: m/b.yaml:1:") && broken.out.contains("1 unreadable; nothing would be deleted"),
        "{broken:?}"
    );
}

/// A resource that is refused under its new key has left the old one all the same.
#[test]
fn a_row_that_goes_with_a_conflict_is_told() {
    let stage = Stage::sqlite();
    let memory = |namespace: &str, target: &str| {
        format!(
            "apiVersion: orloj.dev/v1\nkind: Memory\nmetadata: {{name: notes, namespace: {namespace}, annotations: {{{target}}}}}\nspec: {{type: vector}}\n"
        )
    };
    let target = "orloj.dev/target-namespace";
    let become_of = |first: &str, then: &str| {
        stage.manifests(&[memory("a", ""), memory("b", first)]);
        stage.sync("--prune");
        stage.manifests(&[memory("a", ""), memory("b", then)]);
        let before = stage.rows();
        let (planned, text) = (stage.plan("").expect(1), stage.run("plan m").expect(1).out);
        let synced = stage.sync("").expect(1);
        foretold::check(&planned, &synced, &before, &stage.rows());
        (told(&planned.json()), text, synced)
    };
    let (plan, text, synced) = become_of(&format!("{target}: x"), &format!("{target}: a"));
    assert_eq!(plan, ["refuse Memory b/notes", "delete Memory x/notes"]);
    assert!(text.contains("- delete   Memory  x/notes  its resource has left this key\n"), "{text}");
    assert_eq!(synced.fates(), ["refused b/notes", "removed x/notes", "unchanged a/notes"]);
    assert_eq!(synced.json_lines().last().unwrap()["summary"]["removed"], 1);
    let gone = synced.json_lines().into_iter().find(|line| line["result"] == "removed").unwrap();
    assert_eq!(gone["note"], "its resource has left this key");

    // `retain`: the row stays and belongs to nobody
    let retain = "orloj.dev/deletion-policy: retain";
    let (plan, _, synced) = become_of(&format!("{target}: x, {retain}"), &format!("{target}: a, {retain}"));
    assert_eq!(plan, ["refuse Memory b/notes", "release Memory x/notes"]);
    assert_eq!(synced.fates(), ["refused b/notes", "retained x/notes", "unchanged a/notes"]);

    // a resource that is refused for what it says itself keeps its row
    let long = "n".repeat(250);
    for then in [format!("{target}: {long}"), format!("{target}: a}}, labels: {{orloj.dev/target: 7")] {
        let (plan, _, synced) = become_of(&format!("{target}: z"), &then);
        assert_eq!(plan, ["refuse Memory b/notes"], "{then}");
        assert!(
            !synced.out.contains("\"removed\":1") && stage.rows().contains_key(&("Memory".into(), "z/notes".into()))
        );
    }
}

#[test]
fn a_sync_says_what_it_removed_for_a_conflict() {
    let stage = Stage::sqlite();
    let mover = |target: &str| in_namespace("notes", &format!("orloj.dev/target-namespace: {target}"));
    stage.manifests(&[memory("notes", "vector"), mover("x")]);
    stage.sync("").expect(0);
    stage.manifests(&[memory("notes", "vector"), mover("default")]);
    let text = stage.run("sync m").expect(1).out;
    assert!(text.contains("- removed    Memory  x/notes        its resource has left this key\n"), "{text}");
    assert!(text.ends_with("2 resources: 1 unchanged, 1 refused, 1 row removed\n"), "{text}");
}

/// What a process that was killed has left in the log is read, and left there.
#[test]
fn a_log_that_was_left_behind_is_not_written_back() {
    let stage = Stage::sqlite();
    stage.manifests(&[memory("a", "vector")]);
    stage.sync("").expect(0);
    let row = json!({"metadata": {"name": "b", "namespace": "default"}, "spec": {"type": "kv"}});
    let crashed = Stage::sqlite();
    stage.put_and(kind("memory"), &BTreeMap::from([("default/b".to_owned(), Some(row))]), || {
        for name in ["o.db", "o.db-wal"] {
            std::fs::copy(stage.desk.path(name), crashed.desk.path(name)).unwrap();
        }
    });
    crashed.manifests(&[memory("a", "vector"), memory("b", "vector")]);
    let mark = crashed.mark();
    assert!(format!("{mark:?}").contains("o.db-wal"), "{mark:?}");
    assert_eq!(told(&crashed.plan("").expect(2).json()), ["adopt Memory default/b"]);
    assert_eq!(crashed.mark(), mark);
    assert_eq!(crashed.sync("").expect(0).fates(), ["adopted default/b", "unchanged default/a"]);
}

/// What is shown cannot lead a reviewer astray.
#[test]
fn values_are_shown_on_one_line_and_cut() {
    let stage = Stage::sqlite();
    stage.manifests(&[memory("a", "vector")]);
    stage.sync("").expect(0);
    let odd = "b\\u001b[31m\\u202eX\\nY";
    stage.manifests(&[memory("a", &format!("\"{odd}{}\"", "long".repeat(60)))]);
    let shown = stage.run("plan m").expect(2).out;
    assert!(
        shown.contains("\"vector\" -> \"b\\u001b[31m\\u202ex\\ny")
            || shown.contains("\"vector\" -> \"b\\u001b[31m\\u202eX\\nY"),
        "{shown}"
    );
    assert!(shown.contains("... (26") && shown.lines().count() == 3, "{shown}");
}
