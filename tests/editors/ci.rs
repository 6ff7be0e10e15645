//! Hook, action and pipeline, as far as a machine without those services can run them.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::program::{Desk, Ran, program, run};
use super::{root, tool};

/// Where people read how hook, action and job are used.
const PAGE: &str = "docs/guides/editors.md";
const VALID: &str = "apiVersion: orloj.dev/v1\nkind: Memory\nmetadata: {name: notes}\nspec: {type: in_memory}\n";
const BROKEN: &str = "apiVersion: orloj.dev/v1\nkind: Memory\nmetadata: {name: notes}\nspec: {typ: in_memory}\n";

fn read(file: &str) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(root().join(file)).unwrap()).unwrap()
}

fn binary() -> String {
    program().get_program().to_str().unwrap().to_owned()
}

/// A command in the desk, with the program on PATH and nothing of the caller's configuration of git.
fn at(desk: &Desk, name: impl AsRef<std::ffi::OsStr>) -> Command {
    let folder = desk.path("bin");
    if !folder.exists() {
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(binary(), folder.join("orloj-operator")).unwrap();
    }
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(name);
    command.current_dir(desk.root()).env("PATH", path).env("HOME", desk.root());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    command.env("PRE_COMMIT_HOME", desk.path("pre-commit")).env("NO_COLOR", "1");
    for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
        command.env_remove(name);
    }
    command
}

fn git(desk: &Desk, folder: &str, words: &str) -> Ran {
    let identity = ["-c", "user.name=me", "-c", "user.email=me@example.com"];
    run(at(desk, "git").arg("-C").arg(desk.path(folder)).args(identity).args(words.split(' ')))
}

/// The versions that are named in files are this one.
#[test]
fn images_are_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    for file in [".pre-commit-hooks.yaml", ".gitlab/validate.yaml"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let found: Vec<_> = text.split("orlojhq/orloj-operator:").skip(1).collect();
        assert!(!found.is_empty() && found.iter().all(|rest| rest.starts_with(version)), "{file} is not of {version}");
    }
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
    for named in
        [format!("rev: v{version}\n"), format!("operator@v{version}\n"), format!("/v{version}/.gitlab/validate.yaml\n")]
    {
        assert!(page.contains(&named), "{PAGE} lacks {named}");
    }
}

/// A repository with the hooks, and one that uses them so.
fn with_hooks(desk: &Desk, hooks: &str) {
    for folder in ["hooks", "work"] {
        std::fs::create_dir(desk.path(folder)).unwrap();
        git(desk, folder, "init --quiet").expect(0);
    }
    std::fs::copy(root().join(".pre-commit-hooks.yaml"), desk.path("hooks/.pre-commit-hooks.yaml")).unwrap();
    git(desk, "hooks", "add .").expect(0);
    git(desk, "hooks", "commit --quiet -m hooks").expect(0);
    git(desk, "hooks", "tag v0").expect(0);
    let config = format!("repos:\n- repo: {}\n  rev: v0\n  hooks:\n{hooks}", desk.path("hooks").display());
    std::fs::write(desk.path("work/.pre-commit-config.yaml"), config).unwrap();
    run(at(desk, tool("pre-commit")).current_dir(desk.path("work")).arg("install")).expect(0);
}

fn write(desk: &Desk, name: &str, text: &str) {
    let file = desk.path("work").join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

fn commit(desk: &Desk) -> Ran {
    git(desk, "work", "add .").expect(0);
    git(desk, "work", "commit -m change")
}

/// The hook, taken from a repository as people take it, by pre-commit itself.
#[test]
fn pre_commit_runs_the_hook() {
    let hooks = root().join(".pre-commit-hooks.yaml");
    run(Command::new(tool("pre-commit")).arg("validate-manifest").arg(hooks)).expect(0);
    // and what our own contributors run
    run(Command::new(tool("pre-commit")).arg("validate-config").arg(root().join(".pre-commit-config.yaml"))).expect(0);
    let desk = Desk::new();
    with_hooks(&desk, "  - id: orloj-validate\n");
    write(&desk, "manifests/memory.yaml", BROKEN);
    // files that are none of ours, in a repository of all sorts
    write(&desk, "notes.txt", "not: [yaml");
    write(&desk, "chart/templates/a.yaml", "{{ if .Values.on }}\na: b\n{{ end }}\n");
    write(&desk, "compose.yaml", "services: {}\n");
    let refused = commit(&desk);
    assert_ne!(refused.code, 0, "{refused:?}");
    let said = refused.out.clone() + &refused.err;
    assert!(said.contains("validate Orloj manifests") && said.contains("memory.yaml:4"), "{said}");
    assert!(said.contains("did you mean `type`"), "{said}");
    assert!(!said.contains("notes.txt") && !said.contains("templates") && !said.contains("compose"), "{said}");
    write(&desk, "manifests/memory.yaml", VALID);
    commit(&desk).expect(0);
}

const AGENT: &str =
    "apiVersion: orloj.dev/v1\nkind: Agent\nmetadata: {name: clerk}\nspec: {prompt: x, model_ref: gpt}\n";
const MODEL: &str = "apiVersion: orloj.dev/v1\nkind: ModelEndpoint\nmetadata: {name: gpt}\nspec: {provider: openai, default_model: gpt}\n";

/// A commit of one file is judged with those that it refers to, as the page has it.
#[test]
fn the_hook_sees_what_a_commit_does_not_touch() {
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
    let hook = &page[page.find("  - id: orloj-validate\n").unwrap()..];
    let hook = &hook[..hook.find("```").unwrap()];
    assert!(hook.contains("--deny-warnings"), "{hook}");
    let desk = Desk::new();
    with_hooks(&desk, &format!("{hook}    always_run: true\n"));
    write(&desk, "manifests/agent.yaml", AGENT);
    write(&desk, "manifests/models/gpt.yaml", MODEL);
    commit(&desk).expect(0);
    write(&desk, "manifests/agent.yaml", &AGENT.replace("prompt: x", "prompt: other"));
    let ran = commit(&desk).expect(0);
    assert!((ran.out.clone() + &ran.err).contains("Passed"), "{ran:?}");
    write(&desk, "manifests/later.yaml", "# to be written\n");
    commit(&desk).expect(0);
    std::fs::remove_file(desk.path("work/manifests/models/gpt.yaml")).unwrap();
    let refused = commit(&desk);
    let said = refused.out.clone() + &refused.err;
    assert!(refused.code != 0 && said.contains("missing-reference"), "{refused:?}");
}

#[test]
fn the_action_is_one() {
    let schema = ["--builtin-schema", "vendor.github-actions"];
    run(Command::new(tool("check-jsonschema")).args(schema).arg(root().join("action.yml"))).expect(0);
    run(Command::new(tool("zizmor")).args(["--offline", "--no-progress"]).arg(root().join("action.yml"))).expect(0);
}

/// Runs the action's step with these inputs, in the desk, as GitHub's runner does.
fn act(desk: &Desk, inputs: &[(&str, &str)]) -> Ran {
    let action = read("action.yml");
    let step = &action["runs"]["steps"][0];
    assert_eq!((&step["shell"], action["runs"]["steps"].as_array().unwrap().len()), (&"bash".into(), 1));
    let given: BTreeMap<&str, &str> = inputs.iter().copied().collect();
    assert!(given.keys().all(|name| action["inputs"].get(name).is_some()), "{given:?}");
    std::fs::write(desk.path("step.sh"), step["run"].as_str().unwrap()).unwrap();
    std::fs::write(desk.path("output"), "").unwrap();
    let mut command = at(desk, "bash");
    command.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]).arg(desk.path("step.sh"));
    command.env("GITHUB_OUTPUT", desk.path("output"));
    for (name, value) in step["env"].as_object().unwrap() {
        let text = value.as_str().unwrap();
        let expression = text.trim_start_matches("${{").trim_end_matches("}}").trim();
        let value = if let Some(input) = expression.strip_prefix("inputs.") {
            let default = action["inputs"][input]["default"].as_str();
            given.get(input).copied().or(default).unwrap_or_else(|| panic!("{input} is required"))
        } else {
            assert_eq!(expression, "github.action_path");
            root().to_str().unwrap()
        };
        command.env(name, value);
    }
    run(&mut command)
}

#[test]
fn the_action_annotates_fails_and_reports() {
    let desk = Desk::new();
    let program = binary();
    let own = ("program", program.as_str());
    desk.write("good.yaml", VALID);
    act(&desk, &[own, ("paths", "m")]).expect(0);
    desk.write("b ad.yaml", BROKEN);
    let annotated = act(&desk, &[own, ("paths", "m/b ad.yaml\nm/good.yaml\n")]).expect(1);
    assert!(annotated.out.contains("::error ") && annotated.out.contains("file=m/b ad.yaml,line=4"), "{annotated:?}");
    act(&desk, &[own, ("paths", "m/good.yaml")]).expect(0);
    act(&desk, &[own, ("ignore", "unknown-field"), ("paths", "m/b ad.yaml")]).expect(0);
    act(&desk, &[own, ("paths", "no/such/path")]).expect(2);

    let strictly =
        [own, ("paths", "m"), ("output", "sarif"), ("deny-warnings", "true"), ("strict", "true"), ("closed", "true")];
    let sarif = act(&desk, &strictly);
    assert_eq!((sarif.code, sarif.out.as_str()), (1, ""), "{sarif:?}");
    assert_eq!(std::fs::read_to_string(desk.path("output")).unwrap(), "report=orloj-validate.sarif\n");
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(desk.path("orloj-validate.sarif")).unwrap()).unwrap();
    assert_eq!(report["version"], "2.1.0");
    assert!(!report["runs"][0]["results"].as_array().unwrap().is_empty());
}

/// Without a program it is Docker that runs one. What stands in its place here sees to it that the call is one that
/// Docker would take, and runs the program in the folder that the container would see.
#[test]
fn the_action_runs_the_image_of_its_release() {
    let desk = Desk::new();
    desk.write("bad.yaml", BROKEN);
    let docker = "#!/bin/sh
set -eu
[ \"$1 $2 $3 $4 $5 $6\" = \"run --rm --network none --read-only --user\" ]
[ \"$8 $9\" = \"--volume $PWD:/work:ro\" ]
shift 9
[ \"$1 $2\" = \"--workdir /work\" ]
echo \"image $3\" >&2
shift 3
exec orloj-operator \"$@\"
";
    at(&desk, "true");
    let file = desk.path("bin/docker");
    std::fs::write(&file, docker).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ran = act(&desk, &[("paths", "m")]).expect(1);
    assert!(ran.out.contains("file=m/bad.yaml,line=4"), "{ran:?}");
    assert_eq!(ran.err.trim(), format!("image ghcr.io/orlojhq/orloj-operator:{}", env!("CARGO_PKG_VERSION")));
    let own = act(&desk, &[("paths", "m"), ("image", "registry.example.com/mine:1")]).expect(1);
    assert_eq!(own.err.trim(), "image registry.example.com/mine:1");
}

#[test]
fn the_pipeline_of_gitlab_is_one_and_reports() {
    let schema = ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"];
    run(Command::new(tool("check-jsonschema")).args(schema).arg(root().join(".gitlab/validate.yaml"))).expect(0);
    let pipeline = read(".gitlab/validate.yaml");
    let desk = Desk::new();
    std::fs::create_dir(desk.path(".orloj")).unwrap();
    std::os::unix::fs::symlink(binary(), desk.path(".orloj/orloj-operator")).unwrap();
    let job = &pipeline["orloj-validate"];
    let script: Vec<&str> = job["script"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let run_job = |flags: &str| {
        let mut command = at(&desk, "sh");
        command.args(["-e", "-c", &script.join("\n")]);
        for (name, value) in pipeline["variables"].as_object().unwrap() {
            command.env(name, value.as_str().unwrap());
        }
        run(command.env("ORLOJ_VALIDATE_FLAGS", flags).env("ORLOJ_VALIDATE_PATHS", "m"))
    };
    desk.write("good.yaml", VALID);
    run_job("").expect(0);
    desk.write("bad.yaml", BROKEN);
    run_job("--closed --strict").expect(1);
    let report = job["artifacts"]["reports"]["junit"].as_str().unwrap();
    let junit = std::fs::read_to_string(desk.path(report)).unwrap();
    assert!(junit.contains("<testsuites") && junit.contains("bad.yaml"), "{junit}");
    // a job runs the same tomorrow
    for job in ["orloj-fetch", "orloj-validate"] {
        let image = &pipeline[job]["image"];
        let image = image["name"].as_str().or(image.as_str()).unwrap();
        let digest = image.split_once("@sha256:").map_or("", |(_, digest)| digest);
        assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{job}: {image}");
    }
    // what the first job takes out of the image is where the image has it
    let fetch = pipeline["orloj-fetch"]["script"][1].as_str().unwrap();
    let dockerfile = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    assert!(
        fetch.contains(" usr/local/bin/orloj-operator ") && dockerfile.contains("/usr/local/bin/orloj-operator\"]")
    );
}
