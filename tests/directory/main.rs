//! A directory of manifests into a SQLite file, through the whole program.

#[path = "../program/mod.rs"]
mod program;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use program::{Desk, Running, memory, until};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

const TOOL: &str = "\
apiVersion: orloj.dev/v1
kind: Tool
metadata:
  name: search
  namespace: team-a
spec:
  type: http
  endpoint: https://search.example.com
  risk_level: low
";

fn annotated(name: &str, namespace: &str, annotation: &str) -> String {
    format!(
        "apiVersion: orloj.dev/v1\nkind: Memory\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  annotations: {{{annotation}}}\nspec: {{type: vector}}\n"
    )
}

/// `Quiet`.
#[test]
fn a_second_sync_writes_nothing() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.write("deep/b.yml", &memory("notes", "vector"));
    assert_eq!(desk.sync("").expect(0).fates(), ["inserted default/notes", "inserted team-a/search"]);
    let before = (desk.rows("tool"), desk.rows("memory"));
    let again = desk.sync("--prune").expect(0);
    assert_eq!(again.fates(), ["unchanged default/notes", "unchanged team-a/search"]);
    assert_eq!((desk.rows("tool"), desk.rows("memory")), before);
    let text = desk.run("sync m --store sqlite:o.db").expect(0).out;
    assert!(text.ends_with("2 resources: 2 unchanged, 0 rows removed\n"), "{text}");
}

#[test]
fn an_edit_writes_its_row_alone() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.write("b.yaml", &memory("notes", "vector"));
    desk.sync("").expect(0);
    desk.write("a.yaml", &TOOL.replace("risk_level: low", "risk_level: ' HIGH '"));
    let ran = desk.sync("").expect(0);
    assert_eq!(ran.fates(), ["unchanged default/notes", "updated team-a/search"]);
    let lines = ran.json_lines();
    let line = lines.iter().find(|line| line["result"] == "updated").unwrap();
    assert_eq!((&line["generation"], &line["file"], &line["line"]), (&2.into(), &"m/a.yaml".into(), &1.into()));
    assert_eq!(desk.rows("tool")[0].payload["spec"]["risk_level"], "high");
    // only its comments and its layout
    desk.write("a.yaml", &format!("# why\n---\n{}", TOOL.replace("risk_level: low", "\n  risk_level: \"high\"")));
    assert_eq!(desk.sync("").expect(0).fates(), ["unchanged default/notes", "unchanged team-a/search"]);
}

#[test]
fn what_goes_is_removed_with_prune_only() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.write("b.yaml", &memory("notes", "vector"));
    desk.sync("").expect(0);
    desk.remove("b.yaml");
    assert_eq!(desk.sync("").expect(0).fates(), ["unchanged team-a/search"]);
    assert_eq!(desk.keys("memory"), ["default/notes"]);
    assert_eq!(desk.sync("--prune").expect(0).fates(), ["removed default/notes", "unchanged team-a/search"]);
    assert_eq!(desk.keys("memory"), [""; 0]);
    assert_eq!(desk.sync("--prune").expect(0).fates(), ["unchanged team-a/search"]);
}

#[test]
fn retain_holds_between_two_runs() {
    let desk = Desk::new();
    desk.write("a.yaml", &annotated("notes", "team-a", "orloj.dev/deletion-policy: retain"));
    desk.sync("").expect(0);
    desk.remove("a.yaml");
    assert_eq!(desk.sync("--prune").expect(0).fates(), ["retained team-a/notes"]);
    assert_eq!(desk.keys("memory"), ["team-a/notes"]);
    assert_eq!(desk.sync("--prune").expect(0).fates(), [""; 0]);
    assert_eq!(desk.keys("memory"), ["team-a/notes"]);
}

/// Isolation; and what cannot be read may be what is missing.
#[test]
fn a_broken_file_stops_no_other_and_prunes_nothing() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.write("b.yaml", &memory("notes", "vector"));
    desk.sync("").expect(0);
    desk.write("a.yaml", &format!("kind: [\n---\n{}", memory("more", "vector")));
    desk.remove("b.yaml");
    let ran = desk.sync("--prune").expect(1);
    assert_eq!(ran.fates(), ["inserted default/more"]);
    let lines = ran.json_lines();
    let broken = lines.iter().find(|line| line["result"] == "unreadable").unwrap();
    assert_eq!((&broken["file"], broken["line"].is_number()), (&"m/a.yaml".into(), true), "{broken}");
    assert_eq!((desk.keys("tool"), desk.keys("memory").len()), (vec!["team-a/search".to_owned()], 2));
    let text = desk.run("sync m --store sqlite:o.db --prune").expect(1);
    assert!(text.err.contains("error: m/a.yaml:") && text.out.contains("nothing was pruned"), "{text:?}");
    desk.write("a.yaml", TOOL);
    let removed = ["removed default/more", "removed default/notes", "unchanged team-a/search"];
    assert_eq!(desk.sync("--prune").expect(0).fates(), removed);
}

#[test]
fn a_rule_that_refuses_is_told_with_file_and_line() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.sync("").expect(0);
    desk.write("a.yaml", &format!("# one\n---\n{}---\n{}", memory("notes", "vector"), TOOL.replace("low", "lwo")));
    let ran = desk.run("sync m --store sqlite:o.db --prune").expect(1);
    let expected = "error: m/a.yaml:18:15: Tool team-a/search: invalid spec.risk_level \"lwo\": expected low, medium, high, or critical\n";
    assert!(ran.err.contains(expected), "{ran:?}");
    assert!(ran.out.contains("2 resources: 1 inserted, 1 refused, 0 rows removed"), "{ran:?}");
    assert_eq!(desk.rows("tool")[0].payload["spec"]["risk_level"], "low", "its last row stays");
    desk.write("a.yaml", &TOOL.replace("type: http", "type: cli"));
    let ran = desk.sync("").expect(1);
    assert_eq!(ran.fates(), ["refused team-a/search"]);
}

const GADGET: &str = "\
group: example.com
version: v1
kind: Gadget
plural: gadgets
description: A thing.
store: {table: gadgets, owner: operator, initialPhase: Pending}
schema:
  type: object
  required: [size]
  properties:
    size: {type: string, enum: [s, m, l]}
    count: {type: integer, maximum: 10}
";

fn gadget(spec: &str) -> String {
    format!("apiVersion: example.com/v1\nkind: Gadget\nmetadata: {{name: g}}\nspec:\n{spec}")
}

/// What the API server would refuse has no row, and a row that stands stays.
#[test]
fn what_the_schema_refuses_is_refused_as_validate_says_it() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("k")).unwrap();
    std::fs::write(desk.path("k/gadget.yaml"), GADGET).unwrap();
    desk.write("b.yaml", &memory("notes", "vector"));
    desk.write("a.yaml", &gadget("  size: xxl\n  count: 99\n  colour: red\n"));
    let ran = desk.run("sync m --kinds k --store sqlite:o.db").expect(1);
    let expected = "\
error: m/a.yaml:5:9: Gadget default/g: spec.size: expected \"s\", \"m\" or \"l\"
error: m/a.yaml:6:10: Gadget default/g: spec.count: must be 10 or less
error: m/a.yaml:7:3: Gadget default/g: unknown field \"spec.colour\"
";
    assert_eq!(ran.err, expected);
    assert!(ran.out.ends_with("2 resources: 1 inserted, 1 refused, 0 rows removed\n"), "{ran:?}");
    let planned = desk.run("plan m --kinds k --store sqlite:o.db").expect(1);
    assert_eq!(planned.err, expected);
    assert!(planned.out.starts_with("! refuse   Gadget  default/g  Invalid\n"), "{planned:?}");
    let findings = |ran: program::Ran| {
        let all =
            ran.json_lines().into_iter().flat_map(|line| line["findings"].as_array().cloned().unwrap_or_default());
        all.collect::<Vec<_>>()
    };
    let validated = desk.run("validate m --kinds k -o json").expect(1).json();
    assert_eq!(findings(desk.sync("--kinds k").expect(1)), *validated["findings"].as_array().unwrap());

    desk.write("a.yaml", &gadget("  size: s\n"));
    assert_eq!(desk.sync("--kinds k").expect(0).fates(), ["inserted default/g", "unchanged default/notes"]);
    // neither a suspension nor an excuse of validate's helps against an API server
    let excuses = "{name: g, annotations: {orloj.dev/suspend: 'true', orloj.dev/validate-ignore: 'required-field: x'}}";
    desk.write("a.yaml", &gadget("  count: 1\n").replace("{name: g}", excuses));
    let ran = desk.sync("--kinds k --prune").expect(1);
    assert_eq!(ran.fates(), ["refused default/g", "unchanged default/notes"]);
    let line = ran.json_lines().into_iter().find(|line| line["result"] == "refused").unwrap();
    assert_eq!(
        (&line["error"], &line["line"], &line["column"]),
        (&"spec.size is required".into(), &4.into(), &1.into())
    );
    let stored = desk.run("get gadget -A --kinds k --store sqlite:o.db").expect(0).out;
    assert!(stored.contains("default    g"), "its row stays: {stored}");
}

#[test]
fn unknown_and_repeated_fields_are_what_field_validation_says() {
    let desk = Desk::new();
    let unknown = TOOL.replace("  risk_level: low", "  risk_level: low\n  risk: low");
    let twice = TOOL.replace("  risk_level: low", "  risk_level: low\n  risk_level: high");
    let sync = |text: &str, mode: &str, code: i32| {
        desk.write("a.yaml", text);
        desk.run(&format!("sync m --store sqlite:o.db --field-validation {mode}")).expect(code)
    };
    for (text, told) in
        [(&unknown, "a.yaml:10:3: Tool team-a/search: unknown field \"spec.risk\""), (&twice, "a.yaml:10:")]
    {
        let strict = sync(text, "strict", 1);
        assert!(strict.err.starts_with(&format!("error: m/{told}")), "{strict:?}");
        let warn = sync(text, "warn", 0);
        assert!(warn.err.starts_with(&format!("warning: m/{told}")), "{warn:?}");
        let again = desk.run("plan m --store sqlite:o.db --field-validation warn").expect(0);
        assert!(again.err.starts_with(&format!("warning: m/{told}")), "{again:?}");
        assert_eq!(sync(text, "ignore", 0).err, "");
        assert_eq!(desk.run("validate m --field-validation warn").expect(0).out.matches("warning[").count(), 1);
    }
    assert_eq!(desk.rows("tool")[0].payload["spec"]["risk_level"], "high", "the last one counts");
    assert_eq!(desk.rows("tool")[0].payload["spec"].get("risk"), None);
}

#[test]
fn fields_of_the_wrong_shape_leave_the_resource_in_place() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.sync("").expect(0);
    desk.write("a.yaml", &TOOL.replace("  name: search", "  name: search\n  labels: {tier: 1}"));
    let ran = desk.run("sync m --store sqlite:o.db --prune").expect(1);
    let expected = "error: m/a.yaml:5:18: Tool team-a/search: metadata.labels.tier: expected a string, got a number";
    assert!(ran.err.contains(expected) && ran.out.contains("1 resource: 1 refused, "), "{ran:?}");
    assert_eq!(desk.keys("tool"), ["team-a/search"]);
}

#[test]
fn a_second_manifest_of_one_resource_does_not_count() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.write("b.yaml", &format!("{}---\n{}", memory("notes", "vector"), TOOL.replace("low", "high")));
    let ran = desk.run("sync m --store sqlite:o.db").expect(1);
    assert!(ran.err.contains("m/b.yaml:8: team-a/search is declared a second time"), "{ran:?}");
    assert!(ran.err.contains("the first is at m/a.yaml:1"), "{ran:?}");
    assert_eq!(desk.rows("tool")[0].payload["spec"]["risk_level"], "low");
    // one file named twice is no second manifest
    desk.write("b.yaml", &memory("notes", "vector"));
    assert_eq!(desk.run("sync m m/a.yaml --store sqlite:o.db").expect(0).err.matches("second").count(), 0);
}

#[test]
fn lists_streams_and_json_are_read() {
    let desk = Desk::new();
    let item = |name: &str| format!("  - {}", memory(name, "vector").trim_end().replace('\n', "\n    "));
    desk.write("list.yaml", &format!("apiVersion: v1\nkind: List\nitems:\n{}\n{}\n", item("a"), item("b")));
    desk.write(
        "one.json",
        r#"{"apiVersion":"orloj.dev/v1","kind":"Memory","metadata":{"name":"c"},"spec":{"type":"vector"}}"#,
    );
    desk.write("other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n# nothing\n---\n");
    let ran = desk.sync("").expect(0);
    assert_eq!(ran.fates(), ["inserted default/a", "inserted default/b", "inserted default/c"]);
    assert_eq!(ran.json_lines().last().unwrap()["summary"]["skipped"], 1);
    let piped = program::run_with_input(
        &mut desk.command("sync - --store sqlite:piped.db -o json"),
        &format!("{}---\r\n{}", memory("p", "vector"), memory("q", "vector").replace('\n', "\r\n")),
    );
    assert_eq!(piped.expect(0).fates(), ["inserted default/p", "inserted default/q"]);
}

/// `NoPlaintext`.
#[test]
fn secrets_are_encrypted_at_rest_and_never_told() {
    let secret =
        "apiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {name: api}\nspec:\n  stringData: {value: pl4nted}\n";
    let encoded = "cGw0bnRlZA==";
    let mut desk = Desk::new();
    desk.write("s.yaml", secret);
    let clear = desk.run("sync m --store sqlite:o.db").expect(0);
    assert!(clear.err.contains("no encryption key"), "{clear:?}");
    assert_eq!(desk.rows("secret")[0].payload["spec"]["data"]["value"], encoded);
    let shown = desk.run("get secret api -o json --store sqlite:o.db").expect(0);
    assert_eq!(shown.json()["spec"]["data"]["value"], "***");

    desk.key = Some(KEY.to_owned());
    let sealed = desk.run("sync m --store sqlite:o.db --log-level debug").expect(0);
    assert!(!sealed.err.contains("no encryption key"), "{sealed:?}");
    let value = desk.rows("secret")[0].payload["spec"]["data"]["value"].clone();
    assert!(value.as_str().unwrap().starts_with("enc:"), "{value}");
    assert_eq!(desk.sync("").expect(0).fates(), ["unchanged default/api"]);
    assert_eq!(desk.rows("secret")[0].payload["spec"]["data"]["value"], value);
    let shown = desk.run("get secret api -o json --store sqlite:o.db").expect(0);
    assert_eq!(shown.json()["spec"]["data"]["value"], value);

    desk.key = Some(KEY.replace("0001", "ffff"));
    let wrong = desk.run("sync m --store sqlite:o.db --log-level debug").expect(1);
    assert_eq!(desk.rows("secret")[0].payload["spec"]["data"]["value"], value, "it stays as it was");
    for ran in [&clear, &sealed, &wrong] {
        let told = format!("{} {}", ran.out, ran.err);
        assert!(!told.contains("pl4nted") && !told.contains(encoded), "{told}");
    }
    desk.key = None;
    let refused = desk.run("sync m --store sqlite:new.db --require-encryption").expect(1);
    assert!(refused.err.contains("s.yaml:1: Secret default/api: ") && refused.err.contains("--require-encryption"));
    let rows = desk.run("get secret -A --store sqlite:new.db").expect(0);
    assert_eq!(rows.out, "", "{rows:?}");
}

#[test]
fn a_new_target_namespace_moves_the_row() {
    let desk = Desk::new();
    desk.write("a.yaml", &annotated("notes", "team-a", ""));
    desk.sync("").expect(0);
    assert_eq!(desk.keys("memory"), ["team-a/notes"]);
    desk.write("a.yaml", &annotated("notes", "team-a", "orloj.dev/target-namespace: prod"));
    let ran = desk.sync("").expect(0);
    assert_eq!(ran.fates(), ["moved prod/notes"]);
    assert_eq!(ran.json_lines()[0]["movedFrom"], "team-a/notes");
    assert_eq!(desk.keys("memory"), ["prod/notes"]);
    assert_eq!(desk.sync("").expect(0).fates(), ["unchanged prod/notes"]);
}

/// `NoStolenRows`: of two resources of one age the first by name owns the key.
#[test]
fn two_resources_on_one_key_do_not_flap() {
    let desk = Desk::new();
    let target = "orloj.dev/target-namespace: prod";
    desk.write("z.yaml", &annotated("notes", "team-a", target));
    desk.write("a.yaml", &annotated("notes", "team-b", target));
    // team-b comes first in the same batch, and has to yield
    assert_eq!(desk.sync("").expect(1).fates(), ["refused team-b/notes", "updated prod/notes"]);
    let rows = desk.rows("memory");
    assert_eq!(rows[0].payload["metadata"]["annotations"]["orloj.dev/source-namespace"], "team-a");
    let again = desk.run("sync m --store sqlite:o.db").expect(1);
    assert!(again.err.contains("m/a.yaml:1: Memory team-b/notes: the key prod/notes belongs to"), "{again:?}");
    assert_eq!(desk.rows("memory"), rows);
    desk.remove("z.yaml");
    assert_eq!(desk.sync("--prune").expect(0).fates(), ["inserted prod/notes", "removed prod/notes"]);
    let rows = desk.rows("memory");
    assert_eq!(rows[0].payload["metadata"]["annotations"]["orloj.dev/source-namespace"], "team-b");
}

/// `NoStolenRows`: two owners in one store leave each other's rows alone.
#[test]
fn owners_do_not_prune_each_other() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.write("b.yaml", &memory("notes", "vector"));
    desk.run("sync m/a.yaml --owner one --store sqlite:o.db").expect(0);
    desk.run("sync m/b.yaml --owner two --prune --store sqlite:o.db").expect(0);
    assert_eq!(desk.keys("tool"), ["team-a/search"]);
    let ran = desk.run("sync m/a.yaml --owner two --store sqlite:o.db").expect(1);
    assert!(ran.err.contains("belongs to"), "{ran:?}");
}

#[test]
fn suspended_resources_keep_their_row() {
    let desk = Desk::new();
    desk.write("a.yaml", &annotated("notes", "team-a", ""));
    desk.sync("").expect(0);
    let before = desk.rows("memory");
    let suspended = annotated("notes", "team-a", "orloj.dev/suspend: 'true'").replace("vector", "other");
    desk.write("a.yaml", &suspended);
    assert_eq!(desk.sync("--prune").expect(0).fates(), ["suspended team-a/notes"]);
    assert_eq!(desk.rows("memory"), before);
    desk.write("a.yaml", &suspended.replace("'true'", "'false'"));
    assert_eq!(desk.sync("").expect(0).fates(), ["updated team-a/notes"]);
}

#[test]
fn watching_follows_changes_until_told_to_stop() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.write("b.yaml", &memory("notes", "vector"));
    let mut command = desk.command("sync m --store sqlite:o.db --watch --prune -o json");
    let mut child = Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    until("the first rows", || desk.path("o.db").exists() && rows_are(&desk, 1, 1));

    desk.write("a.yaml", &TOOL.replace("low", "high"));
    until("the edit", || desk.rows("tool")[0].payload["spec"]["risk_level"] == "high");
    desk.write("sub/c.yaml", &memory("more", "vector"));
    until("the new file", || rows_are(&desk, 1, 2));
    // broken: its resource and those that go meanwhile stay
    desk.write("a.yaml", "a: b: c\n");
    looked(&desk, "one");
    desk.remove("b.yaml");
    looked(&desk, "two");
    // what that look found to do was done before this one's
    looked(&desk, "three");
    assert!(rows_are(&desk, 1, 3));
    desk.remove("z.yaml");
    desk.write("a.yaml", TOOL);
    until("the mended file, and what had gone", || {
        rows_are(&desk, 1, 1) && desk.rows("tool")[0].payload["spec"]["risk_level"] == "low"
    });
    desk.remove("sub/c.yaml");
    until("the removed file", || rows_are(&desk, 1, 0));

    kill(Pid::from_raw(i32::try_from(child.0.id()).unwrap()), Signal::SIGTERM).unwrap();
    let status = child.0.wait().unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    child.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(status.code(), Some(0), "{out}\n{err}");
    for part in ["\"inserted\"", "\"updated\"", "\"unreadable\"", "\"removed\"", "\"summary\""] {
        assert!(out.contains(part), "{part}\n{out}\n{err}");
    }
}

/// Waits until the watch has looked at the files once more, by a manifest that is written last.
fn looked(desk: &Desk, word: &str) {
    desk.write("z.yaml", &memory("marker", word));
    until("a look at the files", || desk.rows("memory").iter().any(|row| row.payload["spec"]["type"] == word));
}

fn rows_are(desk: &Desk, tools: usize, memories: usize) -> bool {
    let count = |kind| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| desk.rows(kind).len())).ok();
    count("tool") == Some(tools) && count("memory") == Some(memories)
}

/// Without --prune a watch removes nothing, however it looks at the rows.
#[test]
fn watching_without_prune_removes_nothing() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.write("b.yaml", &memory("notes", "vector"));
    desk.sync("").expect(0);
    desk.remove("b.yaml");
    let mut command = desk.command("sync m --store sqlite:o.db --watch");
    let mut child = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("watching; ")), "the first look ends");
    // whoever writes to a pipe without a reader ends
    std::thread::spawn(move || lines.for_each(drop));
    desk.write("a.yaml", &TOOL.replace("low", "high"));
    until("the edit", || desk.rows("tool")[0].payload["spec"]["risk_level"] == "high");
    // what that look found to do was done before this one's
    looked(&desk, "one");
    assert_eq!(desk.keys("memory"), ["default/marker", "default/notes"]);
}

/// What cannot be read for a while is the same resource: its row stays meanwhile, and goes with the manifest.
#[test]
fn a_manifest_that_broke_before_it_went_takes_its_row_along() {
    let desk = Desk::new();
    desk.write("a.yaml", TOOL);
    desk.write("b.yaml", &annotated("kept", "team-a", "orloj.dev/deletion-policy: retain"));
    desk.write("z.yaml", &memory("marker", "vector"));
    let mut command = desk.command("sync m --store sqlite:o.db --watch --prune -o json");
    let mut child = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    until("the first rows", || desk.path("o.db").exists() && rows_are(&desk, 1, 2));
    let broken = |text: &str| text.replace("  namespace: team-a", "  namespace: team-a\n  labels: {tier: 1}");
    desk.write("a.yaml", &broken(TOOL));
    desk.write("b.yaml", &broken(&annotated("kept", "team-a", "orloj.dev/deletion-policy: retain")));
    looked(&desk, "one");
    // what that look found to do was done before this one's
    looked(&desk, "two");
    assert!(rows_are(&desk, 1, 2));
    desk.remove("a.yaml");
    desk.remove("b.yaml");
    until("the row to go", || rows_are(&desk, 0, 2));
    assert_eq!(desk.keys("memory"), ["default/marker", "team-a/kept"]);

    kill(Pid::from_raw(i32::try_from(child.0.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    let mut out = String::new();
    child.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(out.contains("\"refused\"") && out.contains("\"retained\""), "{out}");
}

/// Whose work a line tells of, for who looks for it.
#[test]
fn lines_of_a_commit_name_it() {
    let desk = Desk::new();
    desk.write("m.yaml", &memory("a", "vector"));
    let told =
        desk.run("sync m --store sqlite:o.db --log-format json --log-level orloj_operator=debug,sqlx=debug").expect(0);
    let lines = told.err.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut spans = lines.flat_map(|line| line["spans"].as_array().cloned().unwrap_or_default());
    let commit = serde_json::json!({"name": "commit", "kind": "Memory", "n": 1});
    assert!(spans.any(|span| span == commit), "{told:?}");
}
