//! Everybody else's CRDs: those of cert-manager, the Gateway API and the Prometheus operator, as their Go modules have
//! them (Apache-2.0 all three). Go checks what it downloads against its database of checksums.

use std::path::{Path, PathBuf};
use std::process::Command;

use orloj_operator::authoring::schemas::openapi::Translator;
use orloj_operator::registry::Registry;
use serde_json::Value;

use super::program::{Desk, Ran, run};
use super::{bed, lint, loaded, only};

const MODULES: [(&str, &str); 3] = [
    ("github.com/cert-manager/cert-manager@v1.21.2", "deploy/crds"),
    ("sigs.k8s.io/gateway-api@v1.3.0", "config/crd/standard"),
    ("github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd-full"),
];

fn crds() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (module, folder) in MODULES {
        let ran = run(Command::new("go").args(["mod", "download", "-json", module]).env("GO111MODULE", "on")).expect(0);
        let root = ran.json()["Dir"].as_str().unwrap().to_owned();
        let before = found.len();
        for entry in Path::new(&root).join(folder).read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            let text = std::fs::read_to_string(&entry).unwrap();
            if text.contains("\nkind: CustomResourceDefinition\n") {
                found.push(entry);
            }
        }
        assert!(found.len() > before + 3, "{module}");
    }
    found.sort();
    found
}

/// A kind comes out of each, or the reason why none can; what comes out loads beside our own, and an API server takes
/// its CRD.
#[test]
fn real_definitions_become_kinds() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("kinds")).unwrap();
    let (mut kinds, mut refused, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for (crd, ran) in drafts(&desk) {
        if ran.code != 0 {
            assert!(ran.code == 2 && ran.err.contains("cluster-scoped"), "{}: {ran:?}", crd.display());
            refused.push(crd);
            continue;
        }
        let registry = loaded(&ran.out);
        let kind = only(&registry);
        let given: Value = serde_saphyr::from_str(&std::fs::read_to_string(&crd).unwrap()).unwrap();
        assert_eq!(kind.names.kind, given["spec"]["names"]["kind"]);
        assert_eq!(kind.names.plural, given["spec"]["names"]["plural"]);
        let version = given["spec"]["versions"].as_array().unwrap().iter().find(|v| v["storage"] == true).unwrap();
        assert_eq!(kind.names.version, version["name"]);
        kept(&version["schema"]["openAPIV3Schema"]["properties"]["spec"], &kind.schema.openapi(), "spec", &ran.err);
        let file = desk.path("kinds").join(format!("{}.yaml", kind.names.crd()));
        std::fs::write(&file, &ran.out).unwrap();
        written.push(file);
        kinds.push(kind.crd());
    }
    lint(&written);
    // one beside all others, which takes itself for known
    let last = crds().into_iter().rev().find(|crd| !refused.contains(crd)).unwrap();
    let again = desk.run(&format!("kinds new --from-crd {} --kinds kinds", last.display())).expect(0);
    assert!(again.err.contains("is a kind already: with --kinds this file replaces it"), "{again:?}");
    assert!(kinds.len() > 12 && refused.len() > 1, "{} kinds, {refused:?}", kinds.len());
    let files = orloj_operator::registry::files_of(&desk.path("kinds")).unwrap();
    assert_eq!(Registry::with_files(files).unwrap().kinds().len(), kinds.len() + 8);

    gateway_manifests(&desk);
    let plane = bed::control_plane();
    let all = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": kinds}).to_string();
    plane.kubectl_stdin(["apply", "--server-side", "--dry-run=server", "-f", "-"], &all).expect_ok();
}

/// Every CRD, and what `kinds new` says of it. Each takes seconds.
fn drafts(desk: &Desk) -> Vec<(PathBuf, Ran)> {
    let all = crds();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let ran = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some(crd) = all.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let one = desk.run(&format!("kinds new --from-crd {}", crd.display()));
                    ran.lock().unwrap().push((crd.clone(), one));
                }
            });
        }
    });
    let mut ran = ran.into_inner().unwrap();
    ran.sort_by(|(one, _), (other, _)| one.cmp(other));
    ran
}

/// The Gateway API's own manifests are accepted, which rely on defaults that its CEL rules read.
fn gateway_manifests(desk: &Desk) {
    let (module, _) = MODULES[1];
    let ran = run(Command::new("go").args(["mod", "download", "-json", module]).env("GO111MODULE", "on")).expect(0);
    let manifests = Path::new(ran.json()["Dir"].as_str().unwrap()).join("examples/standard");
    let ran = desk.run(&format!("validate {} --kinds kinds -o json", manifests.display()));
    let report = ran.json();
    let known = ["duplicate-resource", "unknown-kind", "unknown-version"];
    let findings = report["findings"].as_array().unwrap();
    assert!(!findings.is_empty());
    for finding in findings {
        assert!(known.contains(&finding["rule"].as_str().unwrap()), "{finding}");
    }
}

/// Everything of a schema that the format has a place for is where it was.
fn kept(given: &Value, drafted: &Value, path: &str, told: &str) {
    let same = ["description", "format", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"];
    for key in same {
        if let Some(value) = given.get(key).filter(|value| !value.as_str().is_some_and(str::is_empty)) {
            assert_eq!(drafted.get(key), Some(value), "{path}: {key}");
        }
    }
    if drafted["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    for name in given["required"].as_array().into_iter().flatten() {
        let there = drafted["required"].as_array().is_some_and(|names| names.contains(name));
        let filled = !given["properties"][name.as_str().unwrap()]["default"].is_null();
        let unknown = given["properties"][name.as_str().unwrap()].is_null();
        assert!(there != (filled || unknown), "{path}: {name} is required");
    }
    for key in ["type", "enum", "pattern", "minimum", "maximum"] {
        if let Some(value) = given.get(key).filter(|_| drafted.get(key) != given.get(key)) {
            let excused = told.contains(&format!("{key} left out")) || given.get("exclusiveMinimum").is_some();
            let float = value.as_f64().is_some() && value.as_f64() == drafted[key].as_f64();
            assert!(excused || float, "{path}: {key} {value} became {}", drafted[key]);
        }
    }
    let rules = |node: &Value| node["x-kubernetes-validations"].as_array().map_or(0, Vec::len);
    assert!(rules(given) == rules(drafted) || told.contains("CEL rule left out"), "{path}: CEL rules");
    for (name, field) in given["properties"].as_object().into_iter().flatten() {
        let field_of = drafted["properties"].get(name).unwrap_or_else(|| panic!("{path}.{name} is lost"));
        kept(field, field_of, &format!("{path}.{name}"), told);
    }
    for key in ["items", "additionalProperties"] {
        if given.get(key).is_some_and(Value::is_object) {
            kept(&given[key], &drafted[key], &format!("{path} {key}"), told);
        }
    }
}

/// Schemas for editors can be made of anybody's CRDs, patterns and all.
#[test]
fn real_definitions_become_json_schemas() {
    for crd in crds() {
        let given: Value = serde_saphyr::from_str(&std::fs::read_to_string(&crd).unwrap()).unwrap();
        for version in given["spec"]["versions"].as_array().unwrap() {
            for strict in [true, false] {
                let schema = Translator { strict }.root(&version["schema"]["openAPIV3Schema"]);
                jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{}: {error}", crd.display()));
            }
        }
    }
}

/// By name, out of a cluster.
#[test]
fn an_installed_definition_becomes_a_kind() {
    let plane = bed::control_plane();
    let crd = include_str!("widgets-crd.yaml").replace("strategy: Webhook", "strategy: None");
    let crd: String = {
        let mut value: Value = serde_saphyr::from_str(&crd).unwrap();
        value["spec"]["conversion"].as_object_mut().unwrap().remove("webhook");
        // what a server refuses in it: a rule that does not compile there
        for version in value["spec"]["versions"].as_array_mut().unwrap() {
            let root = &mut version["schema"]["openAPIV3Schema"];
            root["properties"]["spec"].as_object_mut().unwrap().remove("x-kubernetes-validations");
        }
        value.to_string()
    };
    plane.kubectl_stdin(["apply", "--server-side", "-f", "-"], &crd).expect_ok();
    let desk = Desk::new();
    let new = |name: &str| {
        let mut command = desk.command(&format!("kinds new --from-cluster {name}"));
        run(command.env("KUBECONFIG", plane.admin_kubeconfig()))
    };
    let ran = new("widgets.example.com").expect(0);
    assert_eq!(only(&loaded(&ran.out)).names.crd(), "widgets.example.com");
    let none = new("gadgets.example.com").expect(2);
    assert!(
        none.err.contains("unable to get the CRD gadgets.example.com") && none.err.contains("not found"),
        "{none:?}"
    );
}
