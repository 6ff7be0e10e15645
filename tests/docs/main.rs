//! Keeps README and book honest: what they list is what there is, what they show is what the program does, and every
//! link of every page leads somewhere.

#![allow(clippy::panic, reason = "a test says so by panicking, in helpers too")]

mod links;
mod transcript;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use orloj_operator::authoring::lint;
use orloj_operator::config::settings::{self, SETTINGS};
use orloj_operator::registry::{Kind, Registry};
use orloj_operator::resource::{ObjectName, Resource, ResourceId};
use orloj_operator::status::Reason;
use regex::Regex;
use serde_json::{Value, json};

const README: &str = "README.md";
const ARCHITECTURE: &str = "ARCHITECTURE.md";
const CONTRIBUTING: &str = "CONTRIBUTING.md";
const GUIDE: &str = "docs/kinds/guide.md";
const SETTINGS_PAGE: &str = "docs/reference/settings.md";
const STATUS: &str = "docs/reference/status.md";
const ANNOTATIONS: &str = "docs/reference/annotations.md";
const COMMANDS: &str = "docs/reference/commands.md";
const PROMISES: &str = "docs/reference/promises.md";

/// What a newcomer reads in a quarter of an hour.
const LONGEST_README: usize = 10 * 1024;

/// The only flag of a table that is no setting.
const CONFIG: &str = "config";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All that the first group of `pattern` finds.
fn find_all(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap_or_else(|error| panic!("{error}"));
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// README, the pages at the top that go with it, and the book.
fn book() -> String {
    let mut pages: Vec<_> = files("docs").into_iter().filter(|path| is_page(path)).collect();
    pages.extend([README, ARCHITECTURE, CONTRIBUTING, "SECURITY.md"].map(PathBuf::from));
    assert!(pages.len() > 20, "{pages:?}");
    pages.iter().map(read).collect()
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The first cells of the tables of a text, without their backticks.
fn first_cells(text: &str) -> BTreeSet<String> {
    find_all(r"(?m)^\| `?([^`|]+?)`? \|", text)
}

/// What stands below a heading of the second rank.
fn section(page: &str, heading: &str) -> String {
    let text = read(page);
    let start = text.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("{page} has no section {heading}"));
    let rest = &text[start + 4..];
    rest[..rest.find("\n## ").unwrap_or(rest.len())].to_owned()
}

/// The fenced blocks of a language in a text, in order.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("\n```{language}\n");
    text.match_indices(&fence)
        .map(|(at, _)| {
            let body = &text[at + fence.len()..];
            &body[..body.find("\n```").unwrap_or(body.len())]
        })
        .collect()
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Every file below a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { walk(&path, files) } else { files.push(path) }
        }
    }
    let mut files = Vec::new();
    walk(&root().join(folder), &mut files);
    files
}

/// The text of every file of `src/`.
fn source() -> String {
    let files = files("src");
    files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")).map(read).collect()
}

#[test]
fn the_readme_is_short() {
    let length = read(README).len();
    assert!(length <= LONGEST_README, "README.md has {length} bytes: move something to docs/");
}

#[test]
fn the_settings_are_those_of_the_program() {
    let page = read(SETTINGS_PAGE);
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `--"))
        .map(|line| line.trim_matches('|').split(" |").map(|cell| cell.trim().trim_start_matches("| ")).collect())
        .collect();
    let flag = |row: &[&str]| row[0].trim_matches('`').trim_start_matches("--").to_owned();
    let listed: Vec<String> = rows.iter().map(|row| flag(row)).filter(|flag| flag != CONFIG).collect();
    let known: Vec<String> = SETTINGS.iter().map(|setting| setting.name.to_owned()).collect();
    assert_eq!(listed, known, "one row a setting, in the order of the program");
    for row in rows.iter().filter(|row| flag(row) != CONFIG) {
        let setting = settings::find(&flag(row)).unwrap_or_else(|| panic!("{row:?}"));
        assert_eq!(row[1].trim_matches('`'), setting.default.unwrap_or_default(), "default of {row:?}");
        let also: Vec<&str> = row[2].split(", ").map(|name| name.trim_matches('`')).filter(|n| !n.is_empty()).collect();
        assert_eq!(also, setting.env, "variables of {row:?}");
    }
}

/// Every flag that is mentioned anywhere: one of the program or of kubectl.
#[test]
fn flags_exist() {
    let help: String = files("src/cli/args").iter().map(read).collect::<String>();
    // a flag of clap's is a field with `long`
    let own = find_all(r"#\[arg\((?:[^\[\]]|\[[^\]]*\])*?\blong\b(?:[^\[\]]|\[[^\]]*\])*\]\s*(?:pub )?(\w+):", &help);
    let own: BTreeSet<_> = own.iter().map(|name| name.replace('_', "-")).collect();
    let foreign = ["server-side", "for", "from-file", "set", "wait", "test", "help"];
    for flag in find_all(r"--([a-z][a-z-]+)", &book()) {
        assert!(
            settings::find(&flag).is_some() || own.contains(&flag) || foreign.contains(&flag.as_str()),
            "--{flag} is in the documentation and nowhere else"
        );
    }
}

#[test]
fn variables_exist() {
    let known: BTreeSet<String> = SETTINGS.iter().flat_map(settings::Setting::env_names).collect();
    let pipeline = read(".gitlab/validate.yaml");
    for name in find_all(r"(ORLOJ_[A-Z_]+)", &book()) {
        let of_pipeline = pipeline.contains(&format!("  {name}:"));
        assert!(known.contains(&name) || of_pipeline || name == "ORLOJ_OPERATOR_CONFIG", "{name}");
    }
}

#[test]
fn every_annotation_is_told() {
    let text = read(ANNOTATIONS);
    let mut names = find_all(r#""(orloj\.dev/[a-z][a-z-]+)""#, &source());
    names.extend(find_all(r#""(kubectl\.kubernetes\.io/[a-z-]+)""#, &source()));
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        assert!(text.contains(&format!("`{name}`")), "{name} is not in {ANNOTATIONS}");
    }
}

#[test]
fn every_reason_is_told() {
    let reasons: BTreeSet<String> = Reason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect();
    let told = find_all(r"(?m)^\| `(\w+)` \|", &section(STATUS, "Reasons"));
    for reason in &reasons {
        assert!(told.contains(reason), "{reason} is not in {STATUS}");
    }
    for reason in &told {
        assert!(reasons.contains(reason), "{reason} is in {STATUS} and nowhere else");
    }
    // the console shows the same texts
    let links = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    let plain = links.replace_all(&section(STATUS, "Reasons"), "$1").replace('`', "");
    for reason in Reason::ALL {
        let (meaning, help) = reason.explanation();
        let row = format!("| {} | {meaning} | {help}", reason.as_str());
        assert!(plain.contains(&row), "{STATUS} has no row that reads {row}");
    }
    for event in find_all(r#"self\.notice\(\s*id,\s*false,\s*"(\w+)""#, &read("src/reconciler/state/results.rs")) {
        assert!(section(STATUS, "Events").contains(&format!("`{event}`")), "the Event {event} is not in {STATUS}");
    }
}

/// The promises are those of the suite, one module each.
#[test]
fn every_promise_is_told() {
    let mut promises = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("tests/promises")).into_iter().flatten().flatten() {
        promises.extend(find_all(r"\A//! `(\w+)`:", &read(entry.path())));
    }
    assert!(promises.len() >= 8, "{promises:?}");
    promises.remove("kubectl");
    let told = |table: &str| -> BTreeSet<String> {
        first_cells(table).into_iter().filter(|cell| !["name", "---"].contains(&cell.as_str())).collect()
    };
    assert_eq!(told(&read(PROMISES)), promises);
    assert_eq!(told(&section(README, "Promises")), promises);
}

#[test]
fn every_target_of_make_is_told() {
    let targets = find_all(r"(?m)^([a-z-]+):.*## ", &read("Makefile"));
    assert!(!targets.is_empty());
    let told = first_cells(&section(CONTRIBUTING, "Build, test, lint"));
    for target in &targets {
        assert!(told.contains(&format!("make {target}")), "make {target} is not in {CONTRIBUTING}");
    }
    for target in find_all(r"`make ([a-z-]+)[` ]", &book()) {
        assert!(targets.contains(&target), "make {target} is in the documentation and not in the Makefile");
    }
}

#[test]
fn every_metric_is_told_and_exists() {
    let files = ["mod.rs", "build.rs", "requests.rs"];
    let registered: String = files.iter().map(|file| read(format!("src/telemetry/metrics/{file}"))).collect();
    let names = find_all(
        r#""((?:controller_runtime|workqueue|rest_client|leader_election|orloj_operator)_[a-z_]+)""#,
        &registered,
    );
    assert!(names.len() > 15, "{names:?}");
    let told =
        find_all(r"`((?:controller_runtime|workqueue|rest_client|leader_election|orloj_operator)_[a-z_]+)`", &book());
    for name in &names {
        assert!(told.iter().any(|told| is_metric(told, name)), "{name} is not in the documentation");
    }
    for told in &told {
        assert!(names.iter().any(|name| is_metric(told, name)), "{told} is in the documentation and nowhere else");
    }
}

/// The exposition appends these.
fn is_metric(told: &str, name: &str) -> bool {
    told.strip_prefix(name).is_some_and(|rest| ["", "_total", "_info"].contains(&rest))
}

/// Links are for `links` to follow; this is for what stands in backticks.
#[test]
fn files_exist() {
    let paths = find_all(r"`((?:src|tests|kinds|examples|crds|schemas|chart|docs|\.gitlab|\.ci)/[\w./-]*)`", &book());
    assert!(paths.len() > 60, "{paths:?}");
    for path in paths {
        assert!(root().join(&path).exists(), "{path} is in the documentation and nowhere else");
    }
}

/// The rooms of the table are those of `src/`, in the order of `src/lib.rs`, which `tests/layers/main.rs` holds to the
/// code.
#[test]
fn every_room_is_told() {
    let table = section(ARCHITECTURE, "Rooms");
    let cell = Regex::new(r"(?m)^\| `src/(\w+)(?:/|\.rs)` \|").unwrap_or_else(|error| panic!("{error}"));
    let told: Vec<_> = cell.captures_iter(&table).map(|found| found[1].to_owned()).collect();
    let lib = read("src/lib.rs");
    let place =
        |room: &String| lib.find(&format!("[`{room}`]")).unwrap_or_else(|| panic!("{room} is not in src/lib.rs"));
    assert!(told.is_sorted_by_key(place), "{told:?} is not the order of src/lib.rs");
    for entry in std::fs::read_dir(root().join("src")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().trim_end_matches(".rs").to_owned();
        let boring = ["lib", "main"].contains(&name.as_str());
        assert!(boring || told.contains(&name), "src/{name} is not in {ARCHITECTURE}");
    }
}

/// What a comment says of orlojd or the original can be looked up, and here.
#[test]
fn citations_lead_to_a_section() {
    let sections = find_all(r"(?m)^#{2,3} (\d(?:\.\d)?) ", &read("kinds/ORLOJD.md"));
    assert!(sections.len() > 20, "{sections:?}");
    let citation = Regex::new(r"ORLOJD\.md(`? \d)?").unwrap_or_else(|error| panic!("{error}"));
    let mut cited = BTreeSet::new();
    for path in ["src", "tests", "kinds"].into_iter().flat_map(files) {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        // some of the broken manifests are no text
        let broken = path.starts_with(root().join("tests/validate/broken"));
        if broken || !["rs", "sql", "json", "yaml", "sh"].contains(&extension) || path.ends_with("tests/docs/main.rs") {
            continue;
        }
        let text = read(&path);
        let elsewhere = find_all(r"((?:^|[^/])reference/\w+\.md|(?:design|store)\.md|hazard \d)", &text);
        assert!(elsewhere.is_empty(), "{}: {elsewhere:?}", path.display());
        let lists = find_all(r"ORLOJD\.md`?((?:,?(?: and)? \d\.?\d?)+)", &text);
        let numbers = lists.iter().flat_map(|list| find_all(r"(\d(?:\.\d)?)", list));
        for number in numbers {
            assert!(sections.contains(&number), "{}: no section {number}", path.display());
            cited.insert(number);
        }
        let has_number = citation.captures_iter(&text).all(|found| found.get(1).is_some());
        assert!(has_number, "{}: a citation on the same line as its section", path.display());
    }
    // what nothing cites need not be kept
    let uncited: Vec<_> = sections.iter().filter(|s| s.contains('.') && !cited.contains(*s)).collect();
    assert!(uncited.is_empty(), "{uncited:?}");
}

fn widget(heading_blocks: &[&str]) -> (Registry, Value) {
    let file = ("widget.yaml".to_owned(), heading_blocks[0].to_owned());
    let registry = Registry::from_files([file]).unwrap_or_else(|error| panic!("{error}"));
    (registry, yaml(heading_blocks[1]))
}

fn resource(kind: &Kind, manifest: &Value) -> Resource {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let object = ObjectName::new(text("/metadata/namespace"), text("/metadata/name"));
    Resource {
        id: ResourceId { kind: kind.index, object },
        uid: "uid".into(),
        generation: 1,
        version: 1,
        created: 0,
        labels: std::collections::BTreeMap::default(),
        annotations: std::collections::BTreeMap::default(),
        finalizers: Vec::new(),
        deleting: false,
        unreadable: None,
        spec: manifest["spec"].clone(),
        status: Value::Null,
    }
}

/// The kind file loads, and its manifest becomes the payload that is shown.
#[test]
fn the_new_kind_does_what_is_shown() {
    let page = read(GUIDE);
    let (registry, manifest) = widget(&blocks(&page, "yaml"));
    let kind = &registry.kinds()[0];
    let index = registry.find(manifest["apiVersion"].as_str().unwrap_or_default(), "Widget");
    assert_eq!(index, Some(kind.index));
    let mut resource = resource(kind, &manifest);
    let desired = kind.desired(&resource).unwrap_or_else(|error| panic!("{error}"));
    let console = blocks(&page, "console").join("\n");
    let shown = console.lines().find(|line| line.starts_with("{\"payload\"")).unwrap_or_default();
    let shown: Value = serde_json::from_str(shown).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(shown["payload"], kind.payload(&desired, None, &Value::Null));

    resource.spec["paint"] = json!({});
    let error = kind.desired(&resource).err().map(|invalid| invalid.text).unwrap_or_default();
    assert!(!error.is_empty() && console.contains(&format!("Widget shop/bookshelf: {error}")), "{error}");
}

/// The case that is shown holds for the kind that is shown, and that kind is clean.
#[test]
fn the_new_kind_is_proven_as_shown() {
    let page = read(GUIDE);
    let blocks = blocks(&page, "yaml");
    let (registry, _) = widget(&blocks);
    let outcomes = orloj_operator::authoring::cases::run(&registry.kinds()[0], "widget.test.yaml", blocks[2]);
    let outcomes = outcomes.unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(outcomes.len() == 1 && outcomes[0].diff.is_none(), "{outcomes:?}");
    let file = ("widget.yaml".to_owned(), format!("{}\n", blocks[0]));
    let findings = lint::lint(vec![file], Registry::embedded_files());
    assert!(
        findings.is_empty(),
        "{}",
        findings.iter().fold(String::new(), |told, finding| told + &finding.to_string())
    );
}

/// The names of an enum or the keys of a struct of a kind file, by the schema that editors use.
fn words_of(name: &str) -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(&read("kinds/kind.schema.json")).unwrap_or_else(|error| panic!("{error}"));
    let found = &schema["$defs"][name];
    let keys = found["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone());
    let plain = found["enum"].as_array().into_iter().flatten();
    let described = found["oneOf"].as_array().into_iter().flatten();
    let described = described.flat_map(|one| one["enum"].as_array().into_iter().flatten().chain([&one["const"]]));
    let words = plain.chain(described).filter_map(|word| word.as_str().map(str::to_owned));
    let all: BTreeSet<String> = keys.chain(words).collect();
    assert!(!all.is_empty(), "no {name} in the schema");
    all
}

/// The tables of the format's page are those of the format: each key and each word of it stands there, and each row is
/// one of them.
#[test]
fn the_format_is_told() {
    const PAGE: &str = "kinds/README.md";
    for (heading, rows, told) in [
        ("Normalise operations", &["StepSpec"][..], &["StepSpec", "Replaced", "Unique"][..]),
        ("Rules", &["RuleSpec", "Format"], &["RuleSpec", "ConditionSpec", "State", "Format"]),
        ("Columns of the table", &["ColumnType"], &["ColumnSpec", "ColumnType", "Transform", "HashOf"]),
    ] {
        let text = section(PAGE, heading);
        let known: BTreeSet<String> = rows.iter().flat_map(|name| words_of(name)).collect();
        let cells = find_all(r"(?m)^\| `([^`]+)`", &text);
        assert!(cells.len() > 3 && cells.is_subset(&known), "{heading}: {cells:?} are not all of {known:?}");
        for word in told.iter().flat_map(|name| words_of(name)) {
            // `default` of a column is told above
            let pattern = format!(r"(`|[\[ ]){word}(`|:|\b)");
            let stands = Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(&text));
            assert!(stands || word == "default", "{heading} does not tell of `{word}`");
        }
    }
}

/// Every check has an anchor, with what `--list` says of it below.
#[test]
fn every_check_is_told() {
    let page = read("kinds/LINTS.md");
    for lint in lint::LINTS {
        let finds = lint.finds[..1].to_uppercase() + &lint.finds[1..];
        let severity = if lint.severity == orloj_operator::diagnostics::Severity::Error { "Error" } else { "Warning" };
        let wanted = format!("\n### {}\n\n{severity}. {finds}.\n\n", lint.id);
        assert!(page.contains(&wanted), "not in kinds/LINTS.md: {wanted}");
        assert!(lint.url().ends_with(&format!("kinds/LINTS.md#{}", lint.id)));
    }
    assert_eq!(page.matches("\n### ").count(), lint::LINTS.len(), "kinds/LINTS.md tells of checks that are none");
}

/// `make demo-cluster` runs the quick start as it stands there, so it has to be plain commands; what it sets is a value
/// of the chart.
#[test]
fn the_quick_start_can_be_run() {
    let lines = blocks(&section(README, "Quick start in a cluster"), "sh").join("\n").replace("\\\n", " ");
    assert!(lines.lines().count() >= 8, "{lines}");
    for line in lines.lines() {
        let program = line.split_whitespace().next().unwrap_or_default();
        assert!(["kubectl", "helm"].contains(&program), "{line}");
        assert!(!line.contains(['|', '>', '<', '$', '\'', '"', ';']), "no shell is there to read this: {line}");
    }
    let values = yaml(&read("chart/values.yaml"));
    for value in find_all(r"--set ([\w.]+)=", &lines) {
        let pointer = format!("/{}", value.replace('.', "/"));
        assert!(values.pointer(&pointer).is_some(), "the chart has no value {value}");
    }
}

/// The chart's pages and those of the examples.
fn pages() -> Vec<PathBuf> {
    let mut pages = files("chart/docs");
    pages.push(root().join("chart/README.md"));
    pages.push(root().join("examples/gitops/README.md"));
    assert!(pages.len() > 4, "{pages:?}");
    pages
}

#[test]
fn pages_name_what_there_is() {
    let values = yaml(&read("chart/values.yaml"));
    let args: String = files("src/cli").iter().map(read).collect();
    let kinds: String = files("kinds").iter().map(read).collect();
    let foreign = "all-namespaces certificate-identity certificate-oidc-issuer field-selector for from-file namespace \
                   no-hooks output patch-file replicas reset-then-reuse-values reuse-values server-side set tail \
                   take-ownership timeout values version";
    for page in pages() {
        let text = read(&page);
        let name = page.display();
        for value in find_all(r"\b((?:operator|externalPostgres)(?:\.[a-zA-Z]+)+)\b", &text) {
            let there = values.pointer(&format!("/{}", value.replace('.', "/"))).is_some();
            assert!(
                there || ["operator.yaml", "operator.orloj"].contains(&value.as_str()),
                "{name}: the chart has no value {value}"
            );
        }
        for flag in find_all(r"(?m)(?:^|[\s`(])--([a-z][a-z-]+)", &text) {
            let own = args.contains(&format!("{}:", flag.replace('-', "_"))) || settings::find(&flag).is_some();
            assert!(own || foreign.split_whitespace().any(|one| one == flag), "{name}: --{flag}");
        }
        for command in find_all(r"(?:`|\| |\n|runs `)orloj-operator ([a-z]+)", &text) {
            assert!(read(COMMANDS).contains(&format!("| `{command}")), "{name}: no command {command}");
        }
        for path in find_all(r"`((?:src|tests|kinds|examples|crds|chart)/[\w./-]*)`", &text) {
            assert!(root().join(&path).exists(), "{name}: {path} is not there");
        }
        for annotation in find_all(r"`(orloj\.dev/[a-z-]+)`", &text) {
            let there = source().contains(&format!("\"{annotation}\"")) || kinds.contains(&format!(" {annotation}\n"));
            assert!(there, "{name}: {annotation} is in no source file and no kind");
        }
    }
}

/// `kinds/ORLOJD.md` 6 names fields that there are.
#[test]
fn fields_that_came_later_exist() {
    let registry = Registry::embedded().unwrap_or_else(|error| panic!("{error}"));
    let text = read("kinds/ORLOJD.md");
    let section = &text[text.find("## 6 ").unwrap_or_else(|| panic!("no section 6"))..];
    let mut kind = None;
    let mut fields = 0;
    for line in section.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !cells[0].is_empty() {
            kind = registry.resolve(cells[0]).map(|index| registry.kind(index));
        }
        let kind = kind.unwrap_or_else(|| panic!("no kind {}", cells[0]));
        for field in find_all("`([^`]+)`", cells[1]) {
            let path = field.replace(".*", ".additionalProperties").replace("[]", ".items");
            let mut node = Some(serde_json::to_value(&kind.schema).unwrap_or_else(|error| panic!("{error}")));
            for name in path.split('.') {
                let below = |node: Value| match name {
                    "additionalProperties" | "items" => Some(node[name].clone()),
                    name => Some(node["properties"][name].clone()),
                };
                node = node.and_then(below).filter(|node| !node.is_null());
            }
            assert!(node.is_some(), "{}: no field {field}", kind.names.kind);
            fields += 1;
        }
    }
    assert!(fields > 20, "{fields} fields were found");
}
