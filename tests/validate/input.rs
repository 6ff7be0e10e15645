//! What the command does with files, folders and streams of every sort, and how it ends.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::program::{validate, with_input};

const GOOD: &str = "apiVersion: orloj.dev/v1\nkind: Memory\nmetadata: {name: NAME}\nspec: {type: vector}\n";

fn good(name: &str) -> String {
    GOOD.replace("NAME", name)
}

fn bad(name: &str) -> String {
    good(name).replace("type: vector", "tpye: vector")
}

#[test]
fn the_examples_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ran = validate(root, &["examples/", "--closed", "--deny-warnings"]).expect(0);
    assert!(ran.out.starts_with("26 objects in ") && ran.out.contains(" files: 0 errors, 0 warnings\n"), "{ran:?}");
}

#[test]
fn a_stream_is_read_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    with_input(folder.path(), &["-"], good("x").as_bytes()).expect(0);
    let ran = with_input(folder.path(), &["-"], format!("{}---\n{}", good("x"), bad("y")).as_bytes()).expect(1);
    assert!(ran.out.contains("--> <stdin>:9:8") && ran.out.contains("did you mean `type`?"), "{ran:?}");
    // references of a stream have their places too
    let agent = "apiVersion: orloj.dev/v1\nkind: Agent\nmetadata: {name: x}\nspec:\n  prompt: x\n  model_ref: gpt\n";
    let ran = with_input(folder.path(), &["-", "--closed"], agent.as_bytes()).expect(1);
    assert!(ran.out.contains("--> <stdin>:6:14"), "{ran:?}");
    with_input(folder.path(), &["-"], agent.as_bytes()).expect(0);
}

#[test]
fn nothing_to_validate_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("empty.yaml"), "").unwrap();
    fs::write(at.join("comment.yaml"), "# nothing\n---\n").unwrap();
    fs::create_dir(at.join("folder")).unwrap();
    for path in ["empty.yaml", "comment.yaml", "folder", "."] {
        let ran = validate(at, &[path]).expect(2);
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
        assert!(ran.err.contains("there is no manifest in"), "{ran:?}");
    }
    with_input(at, &["-"], b"").expect(2);
    // beside others an empty file is none
    fs::write(at.join("good.yaml"), good("x")).unwrap();
    validate(at, &["."]).expect(0);
}

#[test]
fn what_cannot_be_read_is_told_and_is_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("good.yaml"), good("x")).unwrap();
    // what is given beside it is judged all the same
    let ran = validate(at, &["missing.yaml", "good.yaml"]).expect(2);
    assert!(
        ran.out.starts_with("error[unreadable]: unable to read") && ran.out.contains("--> missing.yaml"),
        "{ran:?}"
    );
    assert!(ran.out.contains("1 object in 2 files") && ran.err.contains("unable to read 1 path"), "{ran:?}");
    symlink("nowhere.yaml", at.join("dangling.yaml")).unwrap();
    let ran = validate(at, &["."]).expect(2);
    assert!(ran.out.contains("error[unreadable]: unable to read") && ran.out.contains("dangling.yaml"), "{ran:?}");
    assert!(ran.err.contains("unable to read 1 path"), "{ran:?}");
    let sarif = validate(at, &[".", "-o", "sarif"]).expect(2).json();
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

/// A folder without rights: nobody but an ordinary user meets it.
#[test]
fn a_folder_without_rights_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("good.yaml"), good("x")).unwrap();
    let shut = at.join("shut");
    fs::create_dir(&shut).unwrap();
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
    let barred = fs::read_dir(&shut).is_err();
    let ran = validate(at, &["."]);
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).unwrap();
    if barred {
        let ran = ran.expect(2);
        assert!(ran.out.contains("error[unreadable]") && ran.out.contains("shut"), "{ran:?}");
    } else {
        ran.expect(0);
    }
}

#[test]
fn links_in_a_circle_are_followed_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("sub")).unwrap();
    fs::write(at.join("sub/good.yaml"), good("x")).unwrap();
    symlink("..", at.join("sub/up")).unwrap();
    symlink("loop.yaml", at.join("loop.yaml")).unwrap();
    let ran = validate(at, &["."]).expect(2);
    assert!(ran.out.contains("1 object in 2 files"), "{ran:?}");
    assert_eq!(ran.out.matches("error[unreadable]").count(), 1, "{ran:?}");
}

#[test]
fn a_huge_file_is_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut text = String::from("apiVersion: orloj.dev/v1\nkind: Memory\nmetadata: {name: x}\nspec:\n  type: |\n");
    let line = format!("    {}\n", "x".repeat(1000));
    while text.len() < 50 << 20 {
        text.push_str(&line);
    }
    fs::write(at.join("huge.yaml"), text).unwrap();
    let ran = validate(at, &["huge.yaml"]).expect(1);
    assert!(
        ran.out.contains("error[document-too-large]: unable to read the document: it has more than 32 MiB"),
        "{ran:?}"
    );
}

#[test]
fn an_object_that_no_request_holds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let of = |bytes: usize| good("x").replace("vector", &"x".repeat(bytes));
    for (bytes, code, told) in
        [(1_500_000, 0, ""), (1_600_000, 0, "warning[object-too-large]"), (3_200_000, 1, "error[object-too-large]")]
    {
        fs::write(folder.path().join("x.yaml"), of(bytes)).unwrap();
        let ran = validate(folder.path(), &["x.yaml"]).expect(code);
        assert!(ran.out.contains(told) && ran.out.contains("too-large") != told.is_empty(), "{bytes}: {ran:?}");
    }
}

#[test]
fn a_hundred_thousand_lines_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut text = String::new();
    for number in 0..20_000 {
        write!(text, "---\n{}", good(&format!("m{number}"))).unwrap();
    }
    assert!(text.lines().count() >= 100_000);
    text.push_str("---\n");
    text.push_str(&bad("last"));
    fs::write(at.join("long.yaml"), text).unwrap();
    let ran = validate(at, &["long.yaml"]).expect(1);
    assert!(ran.out.contains("--> long.yaml:100005:8") && ran.out.contains("20001 objects in 1 file"), "{ran:?}");
}

/// All objects of a list stand in one document, which is read once more for all of them and not for each.
#[test]
fn a_long_list_of_findings_takes_no_longer_than_it_must() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (name, objects) in [("short", 150), ("long", 600)] {
        let mut text = String::from("apiVersion: v1\nkind: List\nitems:\n");
        for number in 0..objects {
            let object = bad(&format!("m{number}"));
            for (index, line) in object.lines().enumerate() {
                writeln!(text, "{}{line}", if index == 0 { "- " } else { "  " }).unwrap();
            }
        }
        fs::write(at.join(format!("{name}.yaml")), text).unwrap();
    }
    let ran = validate(at, &["long.yaml"]).expect(1);
    assert!(ran.out.contains("--> long.yaml:2403:10") && ran.out.ends_with("600 errors, 0 warnings\n"), "{}", ran.err);
    // what the processor did, whatever else it had to do meanwhile: four times as much at best, and sixteen times where
    // every finding reads the document
    let (short, long) = (work(at, "short.yaml"), work(at, "long.yaml"));
    assert!(long < short * 7.0, "{short} s for a quarter, {long} s for all");
}

/// Seconds that the processor works on a file.
fn work(folder: &Path, file: &str) -> f64 {
    let script = "TIMEFORMAT=%U; time \"$0\" validate \"$1\" >/dev/null 2>&1";
    let binary = std::env::var("TEST_OPERATOR_BINARY");
    let binary = binary.unwrap_or_else(|_| env!("CARGO_BIN_EXE_orloj-operator").to_owned());
    let words = ["-c", script, &binary, file];
    let output =
        std::process::Command::new("bash").args(words).env("LC_ALL", "C").current_dir(folder).output().unwrap();
    String::from_utf8(output.stderr).unwrap().trim().parse().unwrap()
}

#[test]
fn other_groups_are_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let foreign = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\napiVersion: widgets.example.com/v1\nkind: Widget\nmetadata: {name: x}\n---\n";
    fs::write(at.join("m.yaml"), format!("{foreign}{}", good("x"))).unwrap();
    let ran = validate(at, &["m.yaml"]).expect(0);
    assert!(ran.out.contains("skipped 2 objects of other groups: v1 1, widgets.example.com 1\n"), "{ran:?}");
    assert!(ran.out.contains("--kinds"), "{ran:?}");
    assert_eq!(validate(at, &["m.yaml", "--strict"]).expect(1).out.matches("error[unknown-group]").count(), 2);
}

#[test]
fn unknown_fields_count_as_with_kubectl() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("m.yaml"), bad("x")).unwrap();
    let said = |how: &str, code: i32| validate(at, &["m.yaml", "--field-validation", how]).expect(code).out;
    assert!(said("strict", 1).contains("error[unknown-field]"));
    assert!(said("warn", 0).contains("warning[unknown-field]"));
    assert!(!said("ignore", 0).contains("unknown-field"));
    validate(at, &["m.yaml", "--field-validation", "warn", "--deny-warnings"]).expect(1);
}

#[test]
fn findings_are_ignored_by_rule_and_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("m.yaml"), bad("x")).unwrap();
    validate(at, &["m.yaml", "--ignore", "unknown-field,missing-reference"]).expect(0);
    let wrong = validate(at, &["m.yaml", "--ignore", "unknown-feld"]).expect(2);
    assert!(wrong.err.contains("there is no such rule"), "{wrong:?}");
    let excused = bad("{name: x, annotations: {orloj.dev/validate-ignore: 'unknown-field: a field of tomorrow'}}");
    fs::write(at.join("m.yaml"), excused.replace("{name: {", "{").replace("}}}", "}}")).unwrap();
    validate(at, &["m.yaml"]).expect(0);
    // findings over several objects are excused by the object that they are about
    let agent = "apiVersion: orloj.dev/v1\nkind: Agent\nmetadata:\n  name: x\n  annotations:\n    orloj.dev/validate-ignore: 'missing-reference: of another team'\nspec:\n  prompt: x\n  model_ref: gpt\n";
    fs::write(at.join("m.yaml"), agent).unwrap();
    validate(at, &["m.yaml", "--closed"]).expect(0);
}

#[test]
fn the_order_is_that_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for number in 0..300 {
        // the first files take longest
        let many: Vec<_> = (0..if number < 20 { 200 } else { 1 }).map(|n| bad(&format!("x{number}-{n}"))).collect();
        let many = many.join("---\n");
        fs::write(at.join(format!("f{number:03}.yaml")), many).unwrap();
    }
    let first = validate(at, &["."]).expect(1).out;
    for _ in 0..3 {
        assert!(validate(at, &["."]).expect(1).out == first, "the order differs from run to run");
    }
    let files: Vec<&str> =
        first.lines().filter_map(|line| line.trim().strip_prefix("--> ")?.split(':').next()).collect();
    assert!(files.is_sorted() && files.len() > 4000, "{}", files.len());
}

#[test]
fn rules_are_listed() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = validate(here, &["--list-rules"]).expect(0).out;
    assert!(table.lines().any(|line| line.starts_with("unknown-field ")), "{table}");
    let rules = validate(here, &["--list-rules", "-o", "json"]).expect(0).json();
    let rules = rules.as_array().unwrap();
    assert_eq!(rules.len() + 1, table.lines().count());
    let page = fs::read_to_string(here.join("kinds/RULES.md")).unwrap();
    for rule in rules {
        let id = rule["id"].as_str().unwrap();
        assert!(rule["help"].as_str().unwrap().ends_with(&format!("kinds/RULES.md#{id}")), "{rule}");
        assert!(page.contains(&format!("\n### {id}\n\n")), "{id} is not in kinds/RULES.md");
        let start = page.find(&format!("\n### {id}\n\n")).unwrap() + id.len() + 7;
        let line = page[start..].lines().next().unwrap();
        let expected =
            format!("{}. {}", capital(rule["severity"].as_str().unwrap()), rule["summary"].as_str().unwrap());
        assert!(line.starts_with(&expected), "{id}: {line:?}, not {expected:?}");
    }
    assert_eq!(page.matches("\n### ").count(), rules.len(), "kinds/RULES.md describes rules that are none");
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

/// A folder with an error, a warning and text that each format must escape.
fn mixed(at: &Path) {
    fs::write(at.join("a,b:c%.yaml"), bad("x")).unwrap();
    let agent = "apiVersion: orloj.dev/v1\nkind: Agent\nmetadata: {name: why}\nspec:\n  prompt: x\n  model_ref: <gpt> & \"co\"\n";
    fs::write(at.join("d.yaml"), agent).unwrap();
    fs::write(at.join("e.yaml"), good("z")).unwrap();
}

#[test]
fn json_holds_findings_and_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    mixed(folder.path());
    let report = validate(folder.path(), &[".", "-o", "json"]).expect(1).json();
    let first = &report["findings"][0];
    assert_eq!((&first["rule"], &first["line"], &first["column"]), (&"unknown-field".into(), &4.into(), &8.into()));
    assert_eq!(first["path"], "spec.tpye");
    assert_eq!(first["object"], "Memory default/x");
    assert_eq!(first["help"], "did you mean `type`?");
    assert_eq!(report["summary"]["objects"], 3);
    assert_eq!((&report["summary"]["errors"], &report["summary"]["warnings"]), (&1.into(), &1.into()));
}

#[test]
fn sarif_fits_its_schema() {
    // a bracket that ECMAScript takes as it is and other readers of patterns do not
    let text = include_str!("sarif-2.1.0.schema.json").replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}\\\\]?$");
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let folder = tempfile::tempdir().unwrap();
    mixed(folder.path());
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validate/broken");
    let small = validate(folder.path(), &[".", "-o", "sarif"]).expect(1).json();
    let large = validate(&broken, &[".", "-o", "sarif"]).expect(1).json();
    for report in [&small, &large] {
        let errors: Vec<String> =
            validator.iter_errors(report).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    assert!(large["runs"][0]["results"].as_array().unwrap().len() > 150);
    let mut bent = small.clone();
    bent["runs"][0]["results"][0]["level"] = "severe".into();
    assert!(!validator.is_valid(&bent), "the schema checks something");
    let result = &small["runs"][0]["results"][0];
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "a%2Cb%3Ac%25.yaml");
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(small["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
}

/// Programs that show findings beside a change know a file by its path from where they run, or by an absolute one.
#[test]
fn programs_are_told_plain_paths() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("sub")).unwrap();
    fs::write(at.join("sub/é.yaml"), bad("x")).unwrap();
    let uri = |report: &Value| {
        report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"].clone()
    };
    for path in [".", "./sub", "sub", "sub/./é.yaml", ".//sub/é.yaml"] {
        let said = |format: &str| validate(at, &[path, "-o", format]).expect(1);
        assert_eq!(said("json").json()["findings"][0]["file"], "sub/é.yaml", "{path}");
        assert_eq!(uri(&said("sarif").json())["uri"], "sub/%C3%A9.yaml", "{path}");
        assert!(said("github").out.contains("file=sub/é.yaml,"), "{path}");
        let junit = said("junit").out;
        assert!(junit.contains("name=\"sub/é.yaml\"") && junit.contains("\nsub/é.yaml:4:8 "), "{path}: {junit}");
    }
    let real = at.canonicalize().unwrap();
    let absolute = real.join("./sub/é.yaml").display().to_string();
    let sarif = validate(at, &[&absolute, "-o", "sarif"]).expect(1).json();
    assert_eq!(uri(&sarif)["uri"], format!("file://{}/sub/%C3%A9.yaml", real.display()));
    let sarif = with_input(at, &["-", "-o", "sarif"], bad("x").as_bytes()).expect(1).json();
    assert_eq!(uri(&sarif), serde_json::json!({"uri": "stdin", "description": {"text": "standard input"}}));
}

#[test]
fn junit_is_xml() {
    let folder = tempfile::tempdir().unwrap();
    mixed(folder.path());
    let out = validate(folder.path(), &[".", "-o", "junit"]).expect(1).out;
    let document = roxmltree::Document::parse(&out).unwrap();
    let cases: Vec<_> = document.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    assert_eq!(cases.len(), 3);
    assert_eq!(document.root_element().attribute("failures"), Some("1"));
    let failure = cases[0].children().find(|node| node.has_tag_name("failure")).unwrap();
    assert_eq!(failure.attribute("type"), Some("unknown-field"));
    assert!(failure.text().unwrap().starts_with("\na,b:c%.yaml:4:8 [unknown-field] Memory default/x: unknown field"));
    let warned = cases[1].children().find(|node| node.has_tag_name("system-out")).unwrap();
    assert!(warned.text().unwrap().contains("<gpt> & \\\"co\\\""), "{:?}", warned.text());
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validate/broken");
    let out = validate(&broken, &[".", "-o", "junit"]).expect(1).out;
    roxmltree::Document::parse(&out).unwrap();
}

#[test]
fn github_gets_one_line_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    mixed(folder.path());
    let out = validate(folder.path(), &[".", "-o", "github"]).expect(1).out;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(
        lines[0].starts_with("::error file=a%2Cb%3Ac%25.yaml,line=4,col=8,endColumn=12,title=unknown-field::Memory default/x: unknown field"),
        "{out}"
    );
    assert!(
        lines[0].ends_with("%0Ahelp: did you mean `type`?") && lines[1].starts_with("::warning file=d.yaml,line=6"),
        "{out}"
    );
}

#[test]
fn colour_is_for_terminals() {
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validate/broken");
    let ran = validate(&broken, &["tool"]).expect(1);
    assert!(!ran.out.contains('\u{1b}') && ran.err.is_empty(), "{ran:?}");
}

/// What the guide shows is what the program says.
#[test]
fn the_guide_shows_what_is_said() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/validate.md")).unwrap();
    let start = page.find("$ orloj-operator validate manifests/\n").unwrap();
    let shown = page[start..].split_once('\n').unwrap().1.split_once("```").unwrap().0;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("manifests")).unwrap();
    let tool = "apiVersion: orloj.dev/v1\nkind: Tool\nmetadata: {name: search}\nspec:\n  runtime:\n    isolationMode: sandboxed\n";
    fs::write(folder.path().join("manifests/search.yaml"), tool).unwrap();
    assert_eq!(validate(folder.path(), &["manifests/"]).expect(1).out, shown);
}

/// A repository that orlojctl applies holds more than configuration.
#[test]
fn runtime_kinds_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let object = |kind: &str| format!("apiVersion: orloj.dev/v1\nkind: {kind}\nmetadata: {{name: one}}\nspec: {{}}\n");
    let text = ["Task", "Worker", "Task", "Memory"].map(object).join("---\n");
    std::fs::write(folder.path().join("m.yaml"), text).unwrap();
    let ran = validate(folder.path(), &["m.yaml"]).expect(0);
    assert!(ran.out.contains("1 object in 1 file: 0 errors"), "{ran:?}");
    assert!(ran.out.contains("left 3 objects alone, made through orlojctl or REST: Task 2, Worker 1\n"), "{ran:?}");
    let strict = validate(folder.path(), &["m.yaml", "--strict"]).expect(1);
    assert_eq!(strict.out.matches("error[unknown-kind]: unable to sync ").count(), 3, "{strict:?}");
    // a slip of the pen is none of them
    std::fs::write(folder.path().join("m.yaml"), object("Taks")).unwrap();
    assert!(
        validate(folder.path(), &["m.yaml"]).expect(1).out.contains("error[unknown-kind]: unable to use kind Taks")
    );
}
