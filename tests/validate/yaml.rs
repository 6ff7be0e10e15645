//! Documents are read as kubectl reads them, by the package that kubectl uses.

use std::path::Path;
use std::sync::Arc;

use orloj_operator::source::manifest::values;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::judge::judge;

/// Characters and words of scalars that are read in more than one way.
const PARTS: [&str; 34] = [
    "0", "1", "7", "8", "20", "_", ".", "-", "+", "e", "E", "x", "o", "b", "0x", "0b", "0o", ":", "::", "a", "fe80",
    "gpt", "t", "true", "tRue", "yEs", "n", "oN", "Off", "nUll", "null", "~", "y", "1e3",
];

fn scalar() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PARTS[..]), 1..5)
        .prop_map(|parts| parts.concat())
        .prop_filter("a plain scalar", |text| !text.starts_with([':', '-']) || text.starts_with("-1"))
}

fn document() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(scalar(), 1..4).prop_map(|words| format!("a: [{}]\n", words.join(", "))),
        prop::collection::vec(scalar(), 1..3).prop_map(|words| format!("a: {{{}, z: 1}}\n", words.join(", "))),
        (scalar(), scalar()).prop_map(|(key, word)| format!("{{{key}: {word}}}\n")),
        scalar().prop_map(|word| format!("a: {word}\nb:\n- {word}\n- '{word}'\n")),
        scalar().prop_map(|word| format!("{word}: x\n")),
    ]
}

#[test]
fn documents_are_what_kubectl_reads() {
    let seed: [u8; 32] = std::env::var("YAML_SEED").map_or_else(
        |_| [11; 32],
        |word| std::array::from_fn(|at| word.as_bytes().get(at).copied().unwrap_or_default()),
    );
    eprintln!("YAML_SEED: {seed:?}");
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = document();
    let mut texts = ["allowed_models: [gpt:, fe80::]\n", "{a:, b: 1}\n", "version: 1.20_1\n", "on: tRue\n"]
        .map(str::to_owned)
        .to_vec();
    texts.extend((0..2_000).map(|_| strategy.new_tree(&mut runner).unwrap().current()));
    let answers = judge(texts.iter().map(|text| json!({"yaml": text})));
    let folder = tempfile::tempdir().unwrap();
    let file: Arc<Path> = folder.path().join("a.yaml").into();
    let (mut read, mut wrong) = (0, Vec::new());
    for (text, answer) in texts.iter().zip(answers) {
        let Some(expected) = answer.get("json") else { continue };
        std::fs::write(&file, text).unwrap();
        match values(&file) {
            Ok(found) if found == [expected.clone()] => read += 1,
            // kubectl takes the last of a key, and so do others where that is asked for
            Err(error) if error.to_string().contains("duplicate") => {}
            found => wrong.push(format!("{text:?}: {found:?}, kubectl: {}", Value::clone(expected))),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), texts.len(), wrong.join("\n"));
    assert!(read > 1_000, "{read} of {}", texts.len());
}
