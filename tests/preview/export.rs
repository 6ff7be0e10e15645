//! `export`, and the way back.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;

use regex::Regex;
use serde_json::{Value, json};

use crate::on_both;
use crate::program::run_with_input;
use crate::stage::{KEY, Rows, Stage, accepted_vectors, as_by_rest, kind, without_ownership};

on_both![export: accepted_payloads_come_back, what_a_sync_wrote_comes_back, sealed_values_need_the_key];

/// Labels and names that a cluster would take.
pub fn fit(payload: &mut Value) {
    let bad = Regex::new("[^A-Za-z0-9]").unwrap();
    if let Some(labels) = payload["metadata"].get_mut("labels").and_then(Value::as_object_mut) {
        for value in labels.values_mut() {
            *value = bad.replace_all(value.as_str().unwrap(), "").into();
        }
    }
}

/// The vectors as rows that somebody wrote through REST, by kind.
pub fn rest_rows(change: impl Fn(&mut Value)) -> BTreeMap<String, BTreeMap<String, Option<Value>>> {
    let mut by_kind: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for (line, payload) in accepted_vectors() {
        let mut payload = as_by_rest(payload);
        payload["metadata"]["name"] = format!("v{line}").into();
        change(&mut payload);
        let metadata = &payload["metadata"];
        let key = format!("{}/{}", metadata["namespace"].as_str().unwrap(), metadata["name"].as_str().unwrap());
        by_kind.entry(payload["kind"].as_str().unwrap().to_owned()).or_default().insert(key, Some(payload));
    }
    by_kind
}

fn comparable(rows: Rows) -> Rows {
    rows.into_iter().map(|(key, payload)| (key, without_ownership(payload))).collect()
}

/// Rows of every kind, exported, applied and synced: they change in nothing but who owns them.
fn accepted_payloads_come_back(stage: &mut Stage) {
    stage.migrate();
    let rows = rest_rows(fit);
    assert_eq!(rows.len(), 8);
    stage.put_all(&rows);
    let before = stage.rows();
    assert_eq!(before.len(), 288);

    let exported = stage.run("export --out m --reveal").expect(0);
    assert_eq!(exported.err, "288 written, 0 unchanged\n");
    let planned = stage.plan("--prune").expect(2).json();
    let summary = &planned["summary"];
    assert_eq!((&summary["actions"], &summary["resources"]), (&json!({"adopt": 288}), &json!(288)), "{planned}");

    let synced = stage.sync("--prune").expect(0);
    assert!(synced.fates().iter().all(|fate| fate.starts_with("adopted ")), "{synced:?}");
    let after = stage.rows();
    for (key, payload) in &after {
        assert_eq!(payload["metadata"]["annotations"]["orloj.dev/managed-by"], "crd-sync", "{key:?}");
    }
    assert_eq!(comparable(after), comparable(before));

    // and once more, from the rows that are owned now
    assert_eq!(stage.run("export --out m --reveal").expect(0).err, "0 written, 288 unchanged\n");
    assert!(stage.sync("--prune").expect(0).fates().iter().all(|fate| fate.starts_with("unchanged ")));

    // JSON says the same, to a store that knows nothing of it
    let json = stage.run("export --reveal -o json").expect(0).out;
    let other = Stage::sqlite();
    run_with_input(&mut other.desk.command("sync - --store sqlite:o.db -o json"), &json).expect(0);
    let plain = |rows: Rows| -> Rows {
        comparable(rows).into_iter().map(|(key, mut payload)| (key, payload["spec"].take())).collect()
    };
    assert_eq!(plain(other.rows()), plain(stage.rows()));
}

/// With marks of every sort, and a target namespace.
fn what_a_sync_wrote_comes_back(stage: &mut Stage) {
    let memory = |name: &str, extra: &str| {
        format!(
            "apiVersion: orloj.dev/v1\nkind: Memory\nmetadata: {{name: {name}, namespace: team-a{extra}}}\nspec: {{type: vector}}\n"
        )
    };
    stage.manifests(&[
        memory("plain", ""),
        memory("moved", ", annotations: {orloj.dev/target-namespace: ' Prod_1 ', note: 'yes'}"),
        memory("kept", ", labels: {tier: web}, annotations: {orloj.dev/deletion-policy: retain}"),
    ]);
    stage.sync("").expect(0);
    let before = stage.rows();
    let exported = stage.run("export --out again").expect(0);
    assert!(exported.err.starts_with("3 written"), "{exported:?}");
    let read = |name: &str| std::fs::read_to_string(stage.desk.path("again/team-a").join(name)).unwrap();
    assert_eq!(
        read("memory-moved.yaml"),
        "apiVersion: orloj.dev/v1\nkind: Memory\nmetadata:\n  annotations:\n    note: \"yes\"\n    \
         orloj.dev/target-namespace: \" Prod_1 \"\n  name: moved\n  namespace: team-a\nspec:\n  auth: {}\n  type: vector\n"
    );
    assert!(!read("memory-kept.yaml").contains("annotations"));
    stage.run("plan again --prune").expect(0);
    stage.run("sync again --prune").expect(0);
    assert_eq!(stage.rows(), before);

    let keys = |words: &str| -> BTreeSet<String> {
        let list = stage.run(&format!("export -o json {words}")).expect(0).json();
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    for (words, expected) in [
        ("", vec!["kept", "moved", "plain"]),
        ("omem tools", vec!["kept", "moved", "plain"]),
        ("tools", vec![]),
        ("-n Prod_1", vec!["moved"]),
        ("-n Prod_1,team-a -l tier=web", vec!["kept"]),
        ("-l tier!=web", vec!["moved", "plain"]),
    ] {
        assert_eq!(keys(words), expected.into_iter().map(str::to_owned).collect(), "{words}");
    }
}

fn sealed_values_need_the_key(stage: &mut Stage) {
    let secret = |name: &str| {
        format!(
            "apiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {{name: {name}}}\nspec:\n  stringData: {{value: pl4nted}}\n"
        )
    };
    stage.desk.key = Some(KEY.to_owned());
    stage.manifests(&[secret("api"), crate::program::memory("notes", "vector")]);
    stage.sync("").expect(0);
    let before = stage.rows();

    let masked = stage.run("export").expect(0);
    assert!(masked.out.contains("value: \"***\"") && masked.err.contains("--reveal"), "{masked:?}");
    // what is masked becomes no secret
    let applied = run_with_input(stage.desk.command("sync - -o json").args(["--store", &stage.url]), &masked.out);
    assert_eq!(applied.expect(1).fates(), ["refused default/api", "unchanged default/notes"]);

    let shown = stage.run("export --reveal --out m").expect(0);
    assert!(!format!("{} {}", shown.out, shown.err).contains("cGw0bnRlZA=="), "{shown:?}");
    let path = stage.desk.path("m/default/secret-api.yaml");
    assert!(std::fs::read_to_string(&path).unwrap().contains("value: cGw0bnRlZA=="));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(stage.desk.path("m/000.yaml")).unwrap();
    std::fs::remove_file(stage.desk.path("m/001.yaml")).unwrap();
    stage.plan("--prune").expect(0);
    stage.sync("--prune").expect(0);
    assert_eq!(stage.rows(), before);

    for key in [None, Some(KEY.replace("0001", "ffff"))] {
        stage.desk.key = key;
        let unopened = stage.run("export --reveal").expect(1);
        assert!(unopened.out.contains("name: notes") && !unopened.out.contains("name: api"), "{unopened:?}");
        assert!(unopened.err.contains("error: Secret default/api: unable to read its secret values"), "{unopened:?}");
        assert!(stage.run("export").expect(0).out.contains("value: \"***\""));
    }
}

#[test]
fn files_are_overwritten_by_force_alone() {
    let stage = Stage::sqlite();
    stage.manifests(&[crate::program::memory("a", "vector"), crate::program::memory("b", "vector")]);
    stage.sync("").expect(0);
    stage.run("export --out x").expect(0);
    let file = stage.desk.path("x/default/memory-a.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "mine\n").unwrap();
    let kept = stage.run("export --out x").expect(1);
    assert!(
        kept.err.contains(
            "error: Memory default/a: unable to write x/default/memory-a.yaml: it is there and differs; --force"
        ),
        "{kept:?}"
    );
    assert!(kept.err.contains("0 written, 1 unchanged"), "{kept:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine\n");

    // a link goes, what it leads to stays
    let elsewhere = stage.desk.path("elsewhere");
    std::fs::write(&elsewhere, "mine\n").unwrap();
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    assert!(stage.run("export --out x --force").expect(0).err.starts_with("1 written, 1 unchanged"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), good);
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "mine\n");
    assert_eq!(std::fs::read_dir(stage.desk.path("x/default")).unwrap().count(), 2);
}

/// Isolation: what cannot be exported is named, and holds nothing up.
#[test]
fn rows_that_a_cluster_cannot_hold_are_named() {
    let stage = Stage::sqlite();
    stage.migrate();
    let memory = kind("memory");
    let payload = |name: &str, labels: Value, spec: Value| {
        let metadata = json!({"name": name, "namespace": "team-a", "labels": labels});
        Some(json!({"apiVersion": "orloj.dev/v1", "kind": "Memory", "metadata": metadata, "spec": spec}))
    };
    let good = json!({"type": "vector"});
    let long = "x".repeat(244);
    let mut elsewhere = payload("notes", json!({}), good.clone());
    elsewhere.as_mut().unwrap()["metadata"]["namespace"] = "Team_B".into();
    let rows: BTreeMap<String, Option<Value>> = [
        ("team-a/fine".to_owned(), payload("fine", json!({}), json!({"type": "vector", "newer": {"a": 1}}))),
        ("team-a/My_Notes".to_owned(), payload("My_Notes", json!({"tier": "two words"}), good.clone())),
        ("Team_B/notes".to_owned(), elsewhere),
        ("team-a/mismatch".to_owned(), payload("other", json!({}), good.clone())),
        ("team-a/number".to_owned(), payload("number", json!({"a": 5}), good.clone())),
        ("team-a/logs".to_owned(), payload("logs", json!({}), good.clone())),
        ("team-a/odd".to_owned(), payload("odd", json!({}), json!({"type": ["vector"]}))),
        (format!("team-a/{long}"), payload(&long, json!({}), good.clone())),
    ]
    .into();
    stage.put(memory, &rows);
    let ran = stage.run("export --out x").expect(1);
    for part in [
        "error: Memory team-a/My_Notes: unable to export: the name \"My_Notes\" is none for Kubernetes",
        "the label \"tier\" has a value that Kubernetes does not take",
        "error: Memory Team_B/notes: unable to export: the namespace \"Team_B\"",
        "error: Memory team-a/mismatch: unable to export: its payload says metadata.name \"other\", its key \"mismatch\"",
        "error: Memory team-a/number: unable to export: the label \"a\" has a value that is no text",
        "error: Memory team-a/logs: unable to export: the operator would refuse it: metadata.name \"logs\" is a reserved",
        "error: Memory team-a/odd: unable to export: the operator would refuse it: spec.type",
        "note: Memory team-a/fine: left out spec.newer,",
        "2 written, 0 unchanged",
    ] {
        assert!(ran.err.contains(part), "{part}\n{}", ran.err);
    }
    let mut files: Vec<String> = std::fs::read_dir(stage.desk.path("x/team-a"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!((files.len(), files[0].as_str()), (2, "memory-fine.yaml"));
    assert!(files[1].starts_with("memory-xxx") && files[1].len() <= 210, "{files:?}");
    stage.run("plan x").expect(2);

    // labels of the vectors, as they are: each that is bad is named
    let stage = Stage::sqlite();
    stage.migrate();
    let rows = rest_rows(|_| {});
    let fit = Regex::new("^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$").unwrap();
    let is_fit = |row: &Value| {
        let labels = row["metadata"]["labels"].as_object().into_iter().flatten();
        labels.into_iter().all(|(_, value)| fit.is_match(value.as_str().unwrap()))
    };
    let all: Vec<&Value> = rows.values().flat_map(BTreeMap::values).flatten().collect();
    let bad = all.iter().filter(|row| !is_fit(row)).count();
    assert!(bad > 20, "{bad}");
    stage.put_all(&rows);
    let ran = stage.run("export --out x --reveal").expect(1);
    assert_eq!(ran.err.matches("error: ").count(), bad);
    assert!(ran.err.contains(&format!("{} written, 0 unchanged", all.len() - bad)), "{}", ran.err);
}

#[test]
fn rows_of_others_are_left_out() {
    let stage = Stage::sqlite();
    stage.migrate();
    let row = |name: &str, metadata: Value| {
        let mut row = json!({"apiVersion": "orloj.dev/v1", "kind": name, "metadata": metadata, "spec": {}});
        row["metadata"]["namespace"] = "a".into();
        BTreeMap::from([("a/x".to_owned(), Some(row))])
    };
    let sealed = json!({"name": "x", "annotations": {"orloj.dev/sealedsecret-owner": "a/s"}});
    stage.put(kind("secret"), &row("Secret", sealed));
    stage.put(kind("tool"), &row("Tool", json!({"name": "x", "labels": {"orloj.dev/mcp-server": "m"}})));
    let ran = stage.run("export").expect(0);
    assert!(ran.out.is_empty(), "{ran:?}");
    for part in [
        "note: Secret a/x: left out: orlojd makes it from the SealedSecret a/s",
        "note: Tool a/x: left out: it has the label",
    ] {
        assert!(ran.err.contains(part), "{ran:?}");
    }
}

#[test]
fn what_cannot_be_done_is_told() {
    let stage = Stage::sqlite();
    let nothing = stage.run("export").expect(2);
    assert!(nothing.err.contains("o.db") && !stage.desk.path("o.db").exists(), "{nothing:?}");
    stage.migrate();
    assert_eq!(stage.run("export -o json").expect(0).json()["items"], json!([]));
    assert!(stage.run("export gadget").expect(2).err.contains("it is one of "));
    assert!(stage.run("export -l a>1").expect(2).err.contains("unable to read the selector"));
    assert!(stage.run("export --force").expect(2).err.contains("--out"));
}
