use super::*;
use crate::apimachinery::field_path::{FieldPath, PathSegment};

/// Two kinds of our own, one of them with secrets.
fn reader() -> ManifestReader {
    ManifestReader::new(Arc::new(Registry::embedded().unwrap_or_else(|error| panic!("{error}"))))
}

/// A kind of the registry that holds no secrets, and one that does.
fn kinds(reader: &ManifestReader) -> (String, String) {
    let name = |sensitive| {
        let found = reader.registry.kinds().iter().find(|kind| kind.sensitive == sensitive);
        found.map(|kind| kind.names.kind.clone()).unwrap()
    };
    (name(false), name(true))
}

fn read(text: &str) -> Vec<ReadResult> {
    let reader = reader();
    let (plain, secret) = kinds(&reader);
    let text = text.replace("PLAIN", &plain).replace("SECRET", &secret);
    let mut found = Vec::new();
    reader.read(&Path::new("x.yaml").into(), text.as_bytes(), &mut |one, _| {
        found.push(one);
        true
    });
    found
}

fn summary(found: &[ReadResult]) -> Vec<String> {
    let one = |found: &ReadResult| match found {
        ReadResult::Manifest(manifest) => format!("{} {}", manifest.place, manifest.resource.id.object),
        ReadResult::Error(error) => error.to_string(),
        ReadResult::Foreign => "foreign".to_owned(),
    };
    found.iter().map(one).collect()
}

#[test]
fn a_stream_gives_resources_with_their_places() {
    let text = "\
# first
apiVersion: orloj.dev/v1
kind: PLAIN
metadata: {name: a, namespace: t, labels: {x: '1'}}
spec: {k: v}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
---
{\"apiVersion\": \"orloj.dev/v1\", \"kind\": \"PLAIN\", \"metadata\": {\"name\": \"b\"}}
---
";
    let found = read(text);
    assert_eq!(summary(&found), ["x.yaml:2 t/a", "foreign", "x.yaml:11 default/b"]);
    let ReadResult::Manifest(first) = &found[0] else { panic!("{found:?}") };
    assert_eq!(first.resource.labels["x"], "1");
    assert_eq!(first.resource.spec, serde_json::json!({"k": "v"}));
    assert_eq!((first.resource.generation, &*first.resource.uid), (1, "directory/t/a"));
}

#[test]
fn a_broken_document_takes_no_neighbour_with_it() {
    let text = "apiVersion: orloj.dev/v1\nkind: PLAIN\nmetadata: {name: a}\n---\n\nkind: PLAIN\na: b: c\n---\napiVersion: orloj.dev/v1\nkind: PLAIN\nmetadata: {name: b}\n";
    let found = read(text);
    let lines = summary(&found);
    assert_eq!((lines[0].as_str(), lines[2].as_str()), ("x.yaml:1 default/a", "x.yaml:9 default/b"));
    assert!(lines[1].starts_with("x.yaml:7:"), "{lines:?}");
    let ReadResult::Error(error) = &found[1] else { panic!("{found:?}") };
    assert!(error.snippet.as_ref().unwrap().starts_with("7 | a: b: c\n  | "), "{error:?}");
}

#[test]
fn lists_are_opened_and_their_entries_keep_their_lines() {
    let text = "\
apiVersion: v1
kind: List
items:
- apiVersion: orloj.dev/v1
  kind: PLAIN
  metadata: {name: a}
- apiVersion: orloj.dev/v1
  kind: PLAINList
  items:
  - metadata: {name: b}
- apiVersion: orloj.dev/v1
  kind: PLAIN
  metadata:
    labels: {k: 1}
    name: c
";
    let lines = summary(&read(text));
    assert_eq!(lines[..2], ["x.yaml:4 default/a", "x.yaml:7 default/b"]);
    assert_eq!(lines[2], "x.yaml:14:14: metadata.labels.k: expected a string, not a number; put it into quotes");
}

#[test]
fn what_is_no_resource_of_ours_says_why() {
    for (text, expected) in [
        ("- a\n", "x.yaml:1: expected an object with apiVersion, kind and metadata, not a list"),
        ("kind: PLAIN\n", "x.yaml:1: apiVersion is missing"),
        ("apiVersion: orloj.dev/v1\n", "x.yaml:1: kind is missing"),
        (
            "apiVersion: orloj.dev/v1\nkind: PLAIN\nmetadata: {name: 1}\n",
            "x.yaml:3:12: metadata.name: expected a string",
        ),
        ("apiVersion: orloj.dev/v1\nkind: PLAIN\nmetadata: [a]\n", "x.yaml:3:1: metadata: expected an object"),
        ("apiVersion: orloj.dev/v9\nkind: PLAIN\n", "x.yaml:1:1: unable to use"),
        ("apiVersion: orloj.dev/v1\nkind: SECRETT\n", "x.yaml:2:1: unable to use kind"),
    ] {
        let lines = summary(&read(text));
        assert!(lines.len() == 1 && lines[0].starts_with(expected), "{text}: {lines:?}");
    }
    let (_, secret) = kinds(&reader());
    assert!(
        summary(&read("apiVersion: orloj.dev/v1\nkind: SECRETT\n"))[0].ends_with(&format!("did you mean {secret}?"))
    );
}

#[test]
fn secrets_are_not_quoted() {
    let found = read("kind: SECRET\nspec:\n  data: {k: pl4nted: x}\n");
    let ReadResult::Error(error) = &found[0] else { panic!("{found:?}") };
    assert!(error.snippet.is_none() && !error.to_string().contains("pl4nted"), "{error:?}");
    // of what is no known kind nobody knows what it holds
    for text in [
        "kind: SECRTE\nk: pl4nted: x\n",
        "k: pl4nted: x\n",
        "{kind: PLAIN, k: pl4nted: x}\n",
        "kind: \"S\\x65cret\"\nk: pl4nted: x\n",
    ] {
        let found = read(text);
        let ReadResult::Error(error) = &found[0] else { panic!("{found:?}") };
        assert_eq!(error.snippet, None, "{error:?}");
    }
}

#[test]
fn the_line_of_a_field_is_found_again() {
    let reader = reader();
    let (plain, _) = kinds(&reader);
    let folder = tempfile::tempdir().unwrap();
    let file: Arc<Path> = folder.path().join("x.yaml").as_path().into();
    let object = |name: &str| {
        format!("apiVersion: orloj.dev/v1\nkind: {plain}\nmetadata: {{name: {name}}}\nspec:\n  a:\n  - b: 1\n")
    };
    std::fs::write(&file, format!("# c\n---\n{}---\n{}", object("one"), object("two"))).unwrap();
    let item: FieldPath =
        [FieldPath::of(&["spec", "a"])[..].to_vec(), vec![PathSegment::Index(0)]].concat().into_iter().collect();
    let paths = [item, FieldPath::of(&["spec", "none"]), FieldPath::of(&["metadata", "name"]), FieldPath::new()];
    let (mut last, mut positions) = (Last::default(), Vec::new());
    reader.read_file(&file, &mut |found, text| {
        if let ReadResult::Manifest(manifest) = found {
            positions.extend(paths.iter().map(|path| last.position(&manifest.place, text, path)));
        }
        true
    });
    assert_eq!(positions, [(8, 5), (6, 1), (5, 12), (3, 0), (15, 5), (13, 1), (12, 12), (10, 0)]);
}
