//! No value of a Secret is shown, however wrong the manifest around it is, and whatever stands beside it.

use std::fs;

use crate::program::{validate, with_input};

/// Stands where values stand, in every document below.
const PLANTED: &str = "pl4nted";

/// Each is told something about.
const DOCUMENTS: &[&str] = &[
    // nobody knows what the object is
    "{apiVersion: orloj.dev/v1, kind: Secrt, metadata: {name: a}, spec: {stringData: {k: pl4nted}}}",
    "{apiVersion: orloj.dev/v1, kind: secret, metadata: {name: a}, spec: {stringData: {k: pl4nted}}}",
    "{apiVersion: orloj.dev/v1, kind: 7, metadata: {name: a}, spec: {stringData: {k: pl4nted}}}",
    "{apiVersion: orloj.dev/v1, metadata: {name: a}, spec: {stringData: {k: pl4nted}}}",
    "{kind: Secret, metadata: {name: a}, spec: {stringData: {k: pl4nted}}}",
    "{apiVersion: orloj.dev/v2, kind: Secret, metadata: {name: a}, spec: {stringData: {k: pl4nted}}}",
    "{apiVersion: orlj.dev/v1, kind: Secret, metadata: {name: a}, spec: {stringData: {k: pl4nted}}}",
    "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {k: pl4nted}}",
    "{apiVersion: orloj.dev/v1, kind: SecretList, items: {spec: {stringData: {k: pl4nted}}}}",
    "spec: {stringData: {k: pl4nted}}\nmetadata: {name: a}",
    "stringData: pl4nted\nkind: Secrt\napiVersion: orloj.dev/v1",
    // another object on the line
    "items: [{kind: Secret, apiVersion: orloj.dev/v1, metadata: {name: b}, spec: {data: {k: pl4nted}}}, {kind: Memory, odd: 1,\n apiVersion: orloj.dev/v1, metadata: {name: c}}]\nkind: List\napiVersion: v1",
    r#"{"apiVersion":"orloj.dev/v1","kind":"Secret","metadata":{"name":"a"},"spec":{"data":{"k":"pl4nted="}}} {"apiVersion":"orloj.dev/v1","kind":"Tool","metadata":{"name":"A_"},"spec":{}}"#,
    r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"orloj.dev/v1","kind":"Tool","metadata":{"name":"A_"},"spec":{}},{"apiVersion":"orloj.dev/v1","kind":"Secret","metadata":{"name":"a"},"spec":{"data":{"k":"pl4nted="}}}]}"#,
    // a value that one object takes from the other
    "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: orloj.dev/v1, kind: Secret, metadata: {name: b}, spec: {stringData: &s {type: pl4nted}}}\n- apiVersion: orloj.dev/v1\n  kind: Memory\n  metadata: {name: c}\n  spec: {<<: *s, odd: 1}",
    // it cannot be read
    "apiVersion: orloj.dev/v1\nkind: Secrt\nspec:\n  stringData:\n    k: pl4nted: x",
    "apiVersion: orloj.dev/v1\nmetadata: {name: x}\nspec:\n  stringData:\n    k: pl4nted: x",
    "apiVersion: orloj.dev/v1\nkind: \"S\\x65cret\"\nspec:\n  stringData:\n    k: pl4nted: x",
    "apiVersion: orloj.dev/v1\nkind: Secret\nspec:\n  stringData:\n---\n    k: pl4nted: x",
    "apiVersion: orloj.dev/v1\nkind: Secret\nspec:\n  stringData:\n    k: |\n--- BEGIN pl4nted\n    x: pl4nted: y",
    "apiVersion: orloj.dev/v1\nkind: Secret\nspec:\n  stringData:\n    k: !!binary \"pl4nted\"",
    "apiVersion: orloj.dev/v1\nkind: Secret\nspec:\n  stringData: {k: *pl4nted}",
    "{\"kind\": \"Secret\", \"k\": \"pl4nted\" \"pl4nted\"}",
    // of another type, or under another name
    "apiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {name: pl4nt}\nspec: {stringData: [pl4nted], data: pl4nted}",
    "apiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {name: pl4nt}\nspec:\n  stringdata:\n    k: pl4nted",
    "apiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {name: pl4nt}\nspec:\n  data:\n    k: pl4nted, not base64",
];

#[test]
fn no_value_is_shown_whatever_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for (number, text) in DOCUMENTS.iter().enumerate() {
        assert!(text.contains(PLANTED));
        fs::write(folder.path().join(format!("{number}.yaml")), format!("{text}\n")).unwrap();
    }
    for output in ["text", "json", "sarif", "junit", "github"] {
        let ran = validate(folder.path(), &["--strict", "--output", output, "."]).expect(1);
        let shown: Vec<_> = ran.out.lines().chain(ran.err.lines()).filter(|line| line.contains(PLANTED)).collect();
        assert!(shown.is_empty(), "{output}: {shown:#?}");
        for (number, text) in DOCUMENTS.iter().enumerate() {
            assert!(ran.out.contains(&format!("{number}.yaml")), "{output}: nothing is said of {text}");
        }
    }
}

/// A number's text is told by readers of numbers.
#[test]
fn no_number_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "apiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {name: a}\nspec: {stringData: {k: 123123123e99999}}\n";
    let ran = with_input(folder.path(), &["-"], text.as_bytes());
    assert!(ran.code == 1 && !ran.out.contains("123123"), "{ran:?}");
}
