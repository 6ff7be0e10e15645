//! The command line as people and scripts meet it.

#[path = "../program/mod.rs"]
mod program;

use program::{Desk, memory, program, run, run_with_input};
use serde_json::Value;

fn ran(words: &str) -> program::Ran {
    run(program().args(words.split_whitespace()))
}

/// The rights of a limited scope are roles in its namespaces.
#[test]
fn rights_follow_the_namespaces() {
    let all = ran("kinds rbac").expect(0).out;
    assert!(all.contains("kind: ClusterRole\n"), "{all}");
    let two = ran("kinds rbac --namespaces a,b").expect(0).out;
    assert!(two.contains("namespace: a\n") && two.contains("namespace: b\n"), "{two}");
    assert_eq!(two, ran("--namespaces a,b kinds rbac").expect(0).out);
}

#[test]
fn help_and_version_are_no_errors() {
    let help = ran("--help").expect(0);
    assert!(help.out.contains("Examples:") && help.err.is_empty(), "{help:?}");
    assert_eq!(ran("--version").expect(0).out, format!("orloj-operator {}\n", env!("CARGO_PKG_VERSION")));
    for words in ["--no-such-flag", "render", "get"] {
        let wrong = ran(words).expect(2);
        assert!(wrong.out.is_empty() && wrong.err.contains("error:"), "{wrong:?}");
    }
}

#[test]
fn completions_are_scripts() {
    for (shell, part) in [("bash", "complete"), ("zsh", "#compdef"), ("fish", "complete -c")] {
        assert!(ran(&format!("completions {shell}")).expect(0).out.contains(part), "{shell}");
    }
}

#[test]
fn the_configuration_is_shown_with_secrets_masked() {
    let mut command = program();
    command.args(["config", "show", "-o", "json"]).env("ORLOJ_POSTGRES_DSN", "postgres://u:pl4nted@h/d");
    let shown = run(&mut command).expect(0);
    let rows = shown.json();
    let dsn = rows.as_array().unwrap().iter().find(|row| row["setting"] == "postgres-dsn").unwrap();
    assert_eq!((&dsn["value"], &dsn["source"]), (&"***".into(), &"env ORLOJ_POSTGRES_DSN".into()));
    assert!(!format!("{shown:?}").contains("pl4nted"));
    let wrong = ran("config show --batch-size 0").expect(1);
    assert!(wrong.out.contains("batch-size") && wrong.err.contains("batch-size"), "{wrong:?}");
}

#[test]
fn kinds_are_listed_and_their_format_is_described() {
    let table = ran("kinds list").expect(0).out;
    assert!(table.lines().any(|line| line.starts_with("Tool ") && line.contains("otool")), "{table}");
    let kinds = ran("kinds list -o json").expect(0).json();
    assert_eq!(kinds.as_array().unwrap().len(), 8);
    assert!(ran("kinds list -o yaml").expect(0).out.contains("kind: Tool\n"));
    assert!(ran("kinds schema").expect(0).json()["properties"].is_object());
    let crds = ran("kinds crds").expect(0).out;
    assert_eq!(crds.matches("\nkind: CustomResourceDefinition\n").count(), 8);
    let rights = ran("kinds rbac --namespace here").expect(0).out;
    assert!(rights.contains("namespace: here\n") && rights.contains("kind: ClusterRole\n"), "{rights}");
    let wrong = ran("kinds list --kinds /no/such/folder").expect(2);
    assert!(wrong.err.starts_with("error: unable to load the kinds"), "{wrong:?}");
}

const KINDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kinds");

#[test]
fn kind_files_are_checked_and_the_exit_code_says_so() {
    let clean = ran("kinds lint").expect(0);
    assert_eq!(clean.out, "8 kind files: 0 errors, 0 warnings\n");
    let clean = ran(&format!("kinds lint {KINDS} --deny-warnings")).expect(0);
    assert_eq!(clean.out, "1 kind file: 0 errors, 0 warnings\n");
    assert_eq!(ran(&format!("kinds lint --kinds {KINDS}")).expect(0).out, clean.out);

    let warning = format!("kinds lint {KINDS}/lint/no-description.yaml");
    let warned = ran(&warning).expect(0);
    assert!(warned.out.ends_with("\n1 kind file: 0 errors, 2 warnings\n"), "{warned:?}");
    ran(&format!("{warning} --deny-warnings")).expect(1);
    let wrong = ran(&format!("kinds lint {KINDS}/lint/cel-type.yaml -o json")).expect(1).json();
    assert_eq!((&wrong[0]["id"], &wrong[0]["severity"]), (&"cel-type".into(), &"error".into()));
    assert_eq!((&wrong[0]["line"], &wrong[0]["help"]), (&16.into(), &"did you mean `size`?".into()));
    assert!(wrong[0]["file"].as_str().unwrap().ends_with("cel-type.yaml"), "{wrong}");

    let desk = Desk::new();
    for words in ["kinds lint m", "kinds lint none"] {
        let wrong = desk.run(words).expect(2);
        assert!(wrong.out.is_empty() && wrong.err.starts_with("error: unable to "), "{wrong:?}");
    }
    // a file by itself is judged among those of its folder, and what is given twice is judged once
    let widget = std::fs::read_to_string(format!("{KINDS}/widget.yaml")).unwrap();
    desk.write("widget.yaml", &widget);
    let gadget = widget.replace("Widget", "Gadget").replace("widgets", "gadgets").replace("[wd]", "[gd]");
    let named = gadget.replace(
        "normalize:\n",
        "references:\n  - {path: spec.size, kind: Widget, group: widgets.example.com}\nnormalize:\n",
    );
    desk.write("gadget.yaml", &named);
    assert_eq!(desk.run("kinds lint m/gadget.yaml").expect(0).out, "1 kind file: 0 errors, 0 warnings\n");
    assert_eq!(desk.run("kinds lint m m/gadget.yaml").expect(0).out, "2 kind files: 0 errors, 0 warnings\n");
    std::fs::remove_file(desk.path("m/widget.yaml")).unwrap();
    let missing = desk.run("kinds lint m/gadget.yaml").expect(1).out;
    assert!(missing.contains("error[reference-kind]: no file describes a kind `Widget`"), "{missing}");
    assert_eq!(desk.run(&format!("kinds lint m --kinds {KINDS}")).expect(0).out, "1 kind file: 0 errors, 0 warnings\n");

    let listed = ran("kinds lint --list -o json").expect(0).json();
    let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|lint| lint["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"cel-cost") && ran("kinds lint --list").expect(0).out.contains("\ncel-cost "), "{ids:?}");
}

#[test]
fn cases_of_kinds_are_run_and_updated() {
    let built_in = ran("kinds test").expect(0);
    assert!(built_in.out.ends_with(" passed, 0 failed\n") && built_in.err.is_empty(), "{built_in:?}");
    ran(&format!("kinds test {KINDS}")).expect(0);
    assert!(ran("kinds test --update").expect(2).err.contains("name a folder"));

    let desk = Desk::new();
    let widget = std::fs::read_to_string(format!("{KINDS}/widget.yaml")).unwrap();
    desk.write("widget.yaml", &widget);
    let bare = desk.run("kinds test m").expect(0);
    assert_eq!(
        (bare.out.as_str(), bare.err.as_str()),
        ("0 cases: 0 passed, 0 failed\n", "without cases: m/widget.yaml\n")
    );
    desk.write(
        "widget.test.yaml",
        "- name: small\n  given: {spec: {size: SMALL}}\n  expect:\n    row: {columns: {size: big, colour: ''}}\n",
    );
    let failed = desk.run("kinds test m").expect(1);
    for part in [
        "failed: m/widget.test.yaml:3:3: small\n",
        "-     size: big\n",
        "+     size: small\n",
        "1 case: 0 passed, 1 failed\n",
    ] {
        assert!(failed.out.contains(part), "{part}: {failed:?}");
    }
    let line = &desk.run("kinds test m -o json").expect(1).json_lines()[0];
    assert_eq!((&line["ok"], &line["case"], &line["line"]), (&false.into(), &"small".into(), &3.into()));
    let updated = desk.run("kinds test m --update").expect(0);
    assert_eq!(
        (updated.out.as_str(), updated.err.as_str()),
        ("1 case: 0 passed, 0 failed, 1 updated\n", "wrote m/widget.test.yaml\n")
    );
    assert_eq!(desk.run("kinds test m").expect(0).out, "1 case: 1 passed, 0 failed\n");
    assert!(std::fs::read_to_string(desk.path("m/widget.test.yaml")).unwrap().contains("size: small"));

    for file in ["m/widget.yaml", "m/widget.test.yaml"] {
        assert_eq!(desk.run(&format!("kinds test {file}")).expect(0).out, "1 case: 1 passed, 0 failed\n");
    }
    desk.write("other.test.yaml", "- name: a\n  given: {}\n");
    let alone = desk.run("kinds test m").expect(2);
    assert!(alone.err.contains("there is no kind file m/other.yaml beside these cases"), "{alone:?}");
}

#[test]
fn kinds_and_fields_are_explained() {
    let text = ran("kinds explain otool.runtime.isolation_mode").expect(0).out;
    for part in [
        "FIELD:      spec.runtime.isolation_mode <string>\n",
        "\nNORMALISED",
        "set to none where it is blank",
        "\nCOLUMNS\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let all = ran("kinds explain tool --recursive").expect(0).out;
    assert!(all.contains("\n    command <string>\n"), "{all}");
    let json = ran(&format!("kinds explain widget.size --kinds {KINDS} -o json")).expect(0).json();
    assert_eq!((&json["type"], &json["steps"][0]["number"]), (&"string".into(), &"1".into()));
    let wrong = ran("kinds explain tool.clli").expect(2);
    assert_eq!(wrong.err, "error: `Tool` has no field `clli` in spec: did you mean `cli`?\n");
    let server = ran("kinds explain tool.mcp_server_ref").expect(0).out;
    assert!(server.contains("\nCHECKED BY VALIDATE") && server.contains("names a McpServer"), "{server}");
}

#[test]
fn a_kind_by_file_alone_is_known() {
    let desk = Desk::new();
    let kinds = desk.path("kinds");
    std::fs::create_dir(&kinds).unwrap();
    let embedded = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/kinds/memory.yaml")).unwrap();
    let widget = embedded.replace("Memory", "Widget").replace("memories", "widgets").replace("memory", "widget");
    std::fs::write(kinds.join("widget.yaml"), widget.replace("omem", "owid")).unwrap();
    let listed = desk.run("kinds list -o json --kinds kinds").expect(0).json();
    assert!(listed.as_array().unwrap().iter().any(|kind| kind["kind"] == "Widget"), "{listed}");
    let rendered =
        run_with_input(&mut desk.command("render - --kinds kinds"), &memory("w", "vector").replace("Memory", "Widget"));
    assert_eq!(rendered.expect(0).json_lines()[0]["payload"]["kind"], "Widget");
}

#[test]
fn render_keeps_the_order_of_its_input() {
    let desk = Desk::new();
    let input = [
        memory("a", "vector"),
        "a: b: c\n".to_owned(),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n".to_owned(),
        memory("status", "vector"),
        memory("", "vector"),
        memory("line\u{2028}sep", "vector").replace("name: line\u{2028}sep", "name: b\n  labels: {x: \"a\u{2028}b\"}"),
        "apiVersion: orloj.dev/v1\nkind: Tol\nmetadata: {name: x}\n".to_owned(),
    ];
    let text = run_with_input(&mut desk.command("render -"), &input.join("---\n"));
    let lines = text.json_lines();
    assert_eq!(text.code, 1);
    assert_eq!(lines.len(), 6, "{text:?}");
    assert_eq!(lines[0]["payload"]["metadata"]["name"], "a");
    assert_eq!(lines[0]["payload"]["status"]["phase"], "Pending");
    assert!(lines[0]["payload"]["metadata"].get("resourceVersion").is_none());
    let error = |line: &Value| (line["error"].as_str().unwrap().to_owned(), line["file"].clone(), line["line"].clone());
    let (why, file, line) = error(&lines[1]);
    assert!(why.starts_with("unable to read the document: "), "{why}");
    assert_eq!((file, line, &lines[1]["column"]), ("-".into(), 8.into(), &5.into()));
    let reserved = "metadata.name \"status\" is a reserved subresource name".to_owned();
    assert_eq!(error(&lines[2]), (reserved, "-".into(), 17.into()));
    assert_eq!(error(&lines[3]), ("metadata.name is required".to_owned(), "-".into(), 24.into()));
    assert_eq!(lines[4]["payload"]["metadata"]["labels"]["x"], "a\u{2028}b");
    assert!(!text.out.contains('\u{2028}'));
    assert!(lines[5]["error"].as_str().unwrap().contains("did you mean Tool?"), "{}", lines[5]);

    desk.write("b.yaml", &memory("b", "vector"));
    desk.write("a.yaml", &memory("a", "vector"));
    let names = |words: &str| -> Vec<Value> {
        let lines = desk.run(words).expect(0).json_lines();
        lines.into_iter().map(|mut line| line["payload"]["metadata"]["name"].take()).collect()
    };
    assert_eq!(names("render m"), ["a", "b"]);
    assert_eq!(names("render m/b.yaml m/a.yaml"), ["b", "a"]);
    let missing = desk.run("render m none.yaml").expect(2);
    assert!(missing.out.is_empty() && missing.err.contains("unable to read none.yaml"), "{missing:?}");
}

#[test]
fn render_tells_file_and_line_and_masks_secrets() {
    let desk = Desk::new();
    desk.write("a.yaml", &format!("{}---\n{}", memory("a", "vector"), memory("b", "[vector]")));
    let secret =
        "apiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {name: api}\nspec:\n  stringData: {value: pl4nted}\n";
    desk.write("b.yaml", secret);
    let ran = desk.run("render m").expect(1);
    let lines = ran.json_lines();
    assert_eq!((&lines[1]["file"], &lines[1]["line"]), (&"m/a.yaml".into(), &13.into()), "{ran:?}");
    assert_eq!(lines[2]["payload"]["spec"]["data"]["value"], "***");
    assert!(!format!("{ran:?}").contains("cGw0bnRlZA=="));
    let shown = desk.run("render m --reveal").expect(1);
    assert_eq!(shown.json_lines()[2]["payload"]["spec"]["data"]["value"], "cGw0bnRlZA==");
}

#[test]
fn one_folder_of_kinds_that_holds_some() {
    let desk = Desk::new();
    for words in ["kinds list --kinds a --kinds=b", "--kinds a kinds list --kinds b", "-kinds a -kinds b"] {
        let twice = desk.run(words).expect(2);
        assert!(twice.err.contains("--kinds was given more than once: put all files into one directory"), "{twice:?}");
    }
    desk.write("readme.txt", "");
    let empty = desk.run("kinds list --kinds m").expect(2);
    assert!(empty.err.contains("m: holds no kind file: give the directory whose *.yaml"), "{empty:?}");
}

/// What the original gives for some hundreds of resources is what `render` prints.
#[test]
fn render_meets_the_vectors() {
    let vectors: Vec<Value> =
        include_str!("../vectors.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let input: Vec<String> = vectors.iter().map(|vector| vector["in"].to_string()).collect();
    let streamed = run_with_input(program().args(["render", "--reveal", "-"]), &input.join("\n---\n"));
    let lines = streamed.json_lines();
    assert_eq!(lines.len(), vectors.len());
    let mut other_words = 0;
    for (vector, line) in vectors.iter().zip(&lines) {
        assert_eq!(vector["payload"], line["payload"], "{vector}");
        assert_eq!(vector["error"].is_null(), line["error"].is_null(), "{vector}");
        other_words += usize::from(vector["error"] != line["error"]);
    }
    // where two faults are equally good the original tells either (tests/vectors/main.rs knows which)
    assert!(other_words < 20, "{other_words} errors in other words");
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": vectors.iter().map(|v| &v["in"]).collect::<Vec<_>>()});
    let listed = run_with_input(program().args(["render", "--reveal", "-"]), &list.to_string());
    // the list is one line
    let plain = |ran: &program::Ran| -> Vec<(Value, Value)> {
        ran.json_lines().into_iter().map(|mut line| (line["payload"].take(), line["error"].take())).collect()
    };
    assert_eq!(plain(&listed), plain(&streamed));
}

#[test]
fn get_shows_rows_as_table_json_and_yaml() {
    let desk = Desk::new();
    desk.write(
        "a.yaml",
        &format!(
            "{}---\n{}",
            memory("a", "vector"),
            memory("b", "vector").replace("metadata:", "metadata:\n  namespace: team-a")
        ),
    );
    desk.run("sync m --store sqlite:o.db").expect(0);
    let get = |words: &str| desk.run(&format!("get {words} --store sqlite:o.db"));
    let table = get("memory").expect(0).out;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert_eq!(
        (lines[0][..3].to_vec(), lines[1][..3].to_vec()),
        (vec!["NAME", "PHASE", "GENERATION"], vec!["a", "Pending", "1"])
    );
    assert_eq!(lines[0].last(), Some(&"AGE"));
    let everywhere = get("omem -A").expect(0).out;
    assert_eq!(everywhere.lines().count(), 3, "{everywhere}");
    assert!(get("all -A").expect(0).out.starts_with("Memory (2)\nNAMESPACE"));

    assert_eq!(get("memory b -n team-a -o json").expect(0).json()["metadata"]["name"], "b");
    let list = get("memories -A -o json").expect(0).json();
    assert_eq!((&list["kind"], list["items"].as_array().unwrap().len()), (&"List".into(), 2));
    let yaml = get("memory a -o yaml").expect(0).out;
    assert!(yaml.contains("kind: Memory\n") && yaml.contains("\n  name: a\n"), "{yaml}");
    // what is printed can be read again
    let again = run_with_input(&mut desk.command("render -"), &get("memory -A -o yaml").expect(0).out).expect(0);
    assert_eq!(again.json_lines().len(), 2);

    let missing = get("memory none").expect(1);
    assert!(missing.out.is_empty() && missing.err.contains("unable to find memory default/none"), "{missing:?}");
    assert!(get("memory -n nowhere").expect(0).err.contains("no rows in namespace nowhere"));
    assert!(get("gadget").expect(2).err.contains("it is one of "));
    let nothing = desk.run("get memory --store sqlite:none.db").expect(2);
    assert!(nothing.err.contains("none.db") && !desk.path("none.db").exists(), "{nothing:?}");
}

#[test]
fn commands_that_need_a_store_say_how_to_name_one() {
    for (words, code) in [("sync .", 2), ("plan .", 1), ("export", 2), ("get memory", 2), ("migrate", 2)] {
        let wrong = ran(words).expect(code);
        assert!(wrong.err.contains("postgres-dsn") && wrong.err.contains("sqlite"), "{wrong:?}");
    }
    let wrong = ran("sync . --store mysql://u:pl4nted@h/d").expect(2);
    assert!(wrong.err.contains("store URL") && !wrong.err.contains("pl4nted"), "{wrong:?}");
    let missing = ran("sync /no/such/folder --store sqlite:x.db").expect(2);
    assert!(missing.err.contains("unable to read /no/such/folder"), "{missing:?}");
}

#[test]
fn migrations_are_printed_without_touching_anything() {
    let sql = ran("migrate --print --store postgres://nobody@nowhere.invalid/x").expect(0).out;
    for part in ["CREATE SCHEMA", "0001_ledger", "0002_retain"] {
        assert!(sql.contains(part), "{sql}");
    }
    let desk = Desk::new();
    desk.run("migrate --print --store sqlite:o.db").expect(0);
    assert!(!desk.path("o.db").exists());
    assert!(desk.run("migrate --store sqlite:o.db").expect(0).out.contains("up to date"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let desk = Desk::new();
    let many: Vec<_> = (0..2_000).map(|n| memory(&format!("m{n}"), "vector")).collect();
    let many = format!("---\n{}", many.join("---\n"));
    desk.write("a.yaml", &many);
    let binary = program().get_program().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.current_dir(desk.root()).args(["-c", "\"$0\" render m 2>err | head -n 1"]).arg(binary);
    assert_eq!(run(&mut shell).expect(0).out.lines().count(), 1);
    assert_eq!(std::fs::read_to_string(desk.path("err")).unwrap(), "");
}

/// `NoPlaintext`: what a broken kubeconfig holds stays there, whichever way the file was named.
#[test]
fn a_broken_kubeconfig_is_not_quoted() {
    let desk = Desk::new();
    let broken = [
        ("syntax", "users:\n- name: me\n  user:\n    token: pl4nted\n  broken: [\n"),
        ("shape", "users:\n- name: me\n  user: pl4nted\n"),
        ("key", "users:\n- name: me\n  user:\n    client-key-data: [pl4nted]\n"),
    ];
    for (name, text) in broken {
        let file = desk.path(name);
        std::fs::write(&file, text).unwrap();
        let start =
            "run --leader-elect=false --storage-backend=sqlite --sqlite-path=o.db --metrics-addr=0 --healthz-addr=0";
        let by_variable = run(desk.command(start).env("KUBECONFIG", &file)).expect(2);
        let by_flag = run(desk.command(start).arg("--kubeconfig").arg(&file)).expect(2);
        for ran in [by_variable, by_flag] {
            assert!(ran.err.contains("not a kubeconfig") && ran.err.contains("line "), "{name}: {ran:?}");
            assert!(!format!("{ran:?}").contains("pl4nted"), "{name}: {ran:?}");
        }
    }
}

/// Secrets of Kubernetes in files, where the kind is on: those alone that are selected, sealed, and once.
#[test]
fn secrets_of_kubernetes_are_synced_from_files() {
    const FOREIGN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kinds/foreign");
    let desk = Desk::new();
    let secret = |name: &str, label: &str, data: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: team, labels: {{{label}}}}}\n{data}\n---\n"
        )
    };
    let marked = "orloj.dev/sync: 'true'";
    let manifests = [
        secret("token", marked, "stringData: {k: pl4nted}"),
        secret("other", "", "data: {k: eA==}"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n".to_owned(),
    ];
    desk.write("m/a.yaml", &manifests.concat());
    let store = format!("sqlite:{}", desk.path("o.db").display());
    let key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let on = |words: &str| {
        let mut command = program();
        let words = format!("{words} --kinds {FOREIGN}");
        command.current_dir(desk.path("")).args(words.split_whitespace()).env("ORLOJ_SECRET_ENCRYPTION_KEY", key);
        run(&mut command)
    };
    let judged = on("validate m").expect(0);
    let foretold = on(&format!("plan m --store {store}")).expect(2);
    let synced = on(&format!("sync m --store {store} --create-tables")).expect(0);
    let rows = on(&format!("get secrets -n team --store {store} -o json")).expect(0);
    let again = on(&format!("plan m --store {store}")).expect(0);
    let exported = on(&format!("export --store {store}"));
    assert_eq!(rows.out.matches("source-kind\": \"Secret.core\"").count(), 1, "{rows:?}");
    assert!(rows.out.contains("\"token\"") && !rows.out.contains("\"other\""), "{rows:?}");
    assert!(exported.err.contains("left out: it is made from a resource of the kind Secret.core"), "{exported:?}");
    for ran in [&judged, &foretold, &synced, &rows, &again, &exported] {
        assert!(!format!("{ran:?}").contains("pl4nted"), "{ran:?}");
    }

    // what is refused is told where it stands in the manifest
    desk.write("m/a.yaml", &secret("token", marked, "data:\n  k: '%'"));
    let refused = on("validate m").expect(1);
    assert!(
        refused.out.contains("a.yaml:5") && refused.out.contains("spec.data.k must be valid base64"),
        "{refused:?}"
    );
}
