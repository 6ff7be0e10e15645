//! The manifests in `examples/gitops/` are what Argo CD, Flux and our chart take, and name what there is.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::bed;
use crate::tools::{documents, gitops, helms, output, read, root};

/// Where the definitions of these APIs lie in their Go modules. That of `HelmRelease` is in a module that is not to be
/// had; its Go type is checked all the same.
const DEFINITIONS: [(&str, &[&str]); 3] = [
    ("github.com/argoproj/argo-cd/v3@v3.5.7", &["manifests/crds/application-crd.yaml"]),
    (
        "github.com/fluxcd/source-controller@v1.9.6",
        &[
            "config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml",
            "config/crd/bases/source.toolkit.fluxcd.io_ocirepositories.yaml",
        ],
    ),
    (
        "github.com/fluxcd/kustomize-controller@v1.9.6",
        &["config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"],
    ),
];

/// Where the release workflow puts the chart.
const CHARTS: &str = "ghcr.io/orlojhq/charts";

fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root().join("examples/gitops"), &mut files);
    files.sort();
    files
}

fn of_kind(kind: &str) -> Vec<Value> {
    let found: Vec<Value> = files().iter().flat_map(documents).filter(|document| document["kind"] == kind).collect();
    assert!(!found.is_empty(), "no {kind} in examples/gitops");
    found
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[test]
fn each_is_what_its_type_takes() {
    let kinds = output(gitops().arg("decode").args(files()), "");
    assert_eq!(kinds.lines().count(), files().iter().map(|file| documents(file).len()).sum::<usize>());
    for kind in
        ["Application", "ConfigMap", "GitRepository", "HelmRelease", "Kustomization", "Namespace", "OCIRepository"]
    {
        assert!(kinds.lines().any(|line| line.ends_with(&format!(" {kind}"))), "no {kind}");
    }
}

#[test]
fn an_api_server_takes_each() {
    let plane = bed::control_plane();
    for (module, paths) in DEFINITIONS {
        let told = output(Command::new("go").args(["mod", "download", "-json", module]).current_dir("/"), "");
        let told: Value = serde_json::from_str(&told).unwrap();
        for path in paths {
            let path = Path::new(text(&told, "/Dir")).join(path);
            plane.establish(&std::fs::read_to_string(path).unwrap());
        }
    }
    let mut judged = 0;
    for file in files() {
        for mut document in documents(&file) {
            if document["kind"] == "HelmRelease" {
                continue;
            }
            // a dry run makes no namespace for what follows
            if document["kind"] != "Namespace" {
                document["metadata"]["namespace"] = json!("default");
            }
            let create = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
            let answer = plane.kubectl_stdin(create, &document.to_string());
            assert!(answer.ok, "{}: {}", file.display(), answer.stderr);
            judged += 1;
        }
    }
    assert!(judged >= 10, "{judged}");
    let mut bad = of_kind("Kustomization").remove(0);
    bad["metadata"]["namespace"] = json!("default");
    bad["spec"]["prunes"] = json!(true);
    let create = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
    assert!(!plane.kubectl_stdin(create, &bad.to_string()).ok, "a field that is not there is refused");
}

/// The values that a manifest gives to the chart, and the chart with them.
#[test]
fn our_chart_takes_the_values() {
    let application =
        of_kind("Application").into_iter().find(|one| one["spec"]["source"]["chart"].is_string()).unwrap();
    let release = of_kind("HelmRelease").remove(0);
    let chart = documents("chart/Chart.yaml").remove(0);
    assert_eq!(application["spec"]["source"]["chart"], chart["name"]);
    assert_eq!(application["spec"]["source"]["targetRevision"], chart["version"]);
    assert_eq!(application["spec"]["source"]["repoURL"], CHARTS);
    let repository = of_kind("OCIRepository").remove(0);
    assert_eq!(text(&repository, "/spec/url"), format!("oci://{CHARTS}/{}", text(&chart, "/name")));
    assert_eq!(repository["spec"]["ref"]["tag"], chart["version"]);
    assert_eq!(release["spec"]["chartRef"]["name"], repository["metadata"]["name"]);

    let installs = [
        (text(&application, "/spec/source/helm/releaseName"), &application["spec"]["source"]["helm"]["valuesObject"]),
        (text(&release, "/spec/releaseName"), &release["spec"]["values"]),
    ];
    for (name, values) in installs {
        for mut helm in helms() {
            let args = ["template", name, "chart", "--namespace", "orloj-system", "--values", "-"];
            let rendered = output(helm.args(args), &values.to_string());
            let rendered: Vec<Value> = serde_saphyr::from_multiple(&rendered).unwrap();
            let deployment = rendered.iter().find(|one| one["kind"] == "Deployment").expect("a Deployment");
            assert_eq!(deployment["metadata"]["name"], "orloj-operator");
            assert_eq!(deployment["spec"]["replicas"], 2);
            assert_eq!(deployment["spec"]["template"]["metadata"]["labels"]["team"], "platform");
        }
    }
}

/// Paths, tags and namespaces.
#[test]
fn what_they_name_is_there() {
    let tag = format!("v{}", version());
    let mut paths = Vec::new();
    for application in of_kind("Application") {
        if application["spec"]["source"]["path"].is_string() {
            assert_eq!(text(&application, "/spec/source/targetRevision"), tag);
            paths.push(text(&application, "/spec/source/path").to_owned());
        }
    }
    for repository in of_kind("GitRepository") {
        assert_eq!(text(&repository, "/spec/ref/tag"), tag);
        assert_eq!(format!("{}.git", env!("CARGO_PKG_REPOSITORY")), text(&repository, "/spec/url"));
    }
    let sources: Vec<_> = of_kind("GitRepository").iter().map(|one| text(one, "/metadata/name").to_owned()).collect();
    for kustomization in of_kind("Kustomization") {
        paths.push(text(&kustomization, "/spec/path").trim_start_matches("./").to_owned());
        assert!(sources.iter().any(|source| *source == text(&kustomization, "/spec/sourceRef/name")));
    }
    paths.sort();
    let expected = ["examples", "examples", "examples/gitops/argocd/apps", "examples/gitops/flux/operator"];
    assert_eq!(paths, expected);
    assert!(paths.iter().all(|path| root().join(path).is_dir()));

    let namespaces: Vec<_> = of_kind("Namespace").iter().map(|one| text(one, "/metadata/name").to_owned()).collect();
    assert_eq!(namespaces, ["orloj-system", "support"]);
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            for resource in documents(&path) {
                assert_eq!(text(&resource, "/metadata/namespace"), "support", "{}", path.display());
            }
        }
    }
}

/// The signature that Flux asks for is the one that the release workflow gives.
#[test]
fn the_signature_is_the_release_s() {
    let workflow = ".github/workflows/release.yaml";
    let repository = of_kind("OCIRepository").remove(0);
    let subject = text(&repository, "/spec/verify/matchOIDCIdentity/0/subject");
    let pattern = regex::Regex::new(subject).unwrap();
    let identity = format!("{}/{workflow}@refs/tags/v{}", env!("CARGO_PKG_REPOSITORY"), version());
    assert!(pattern.is_match(&identity), "{identity}");
    assert!(!pattern.is_match(&identity.replace("refs/tags/v", "refs/heads/")), "a branch signs nothing");
    let issuer = regex::Regex::new(text(&repository, "/spec/verify/matchOIDCIdentity/0/issuer")).unwrap();
    assert!(issuer.is_match("https://token.actions.githubusercontent.com"));
    assert!(read(workflow).contains(&format!("CHARTS: {CHARTS}")), "the workflow pushes the chart there");
}
