//! Patterns of schemas match what Go's regexp matches, which says so itself.

use orloj_operator::go_compat::regexp::matcher;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use super::judge::judge;

/// Parts of patterns: those that the two engines write alike and those that they do not.
const PARTS: [&str; 52] = [
    "a",
    "b",
    "c",
    "5",
    "-",
    "{",
    "}",
    ",",
    "]",
    "<",
    ">",
    "_",
    "~",
    "&",
    "#",
    " ",
    "\\<",
    "\\>",
    "\\_",
    "\\-",
    "\\b",
    "\\B",
    "\\d",
    "\\W",
    "\\s",
    "\\x41",
    "\\x{e9}",
    "\\101",
    "\\Qa.b\\E",
    "\\pL",
    "\\p{^Greek}",
    ".",
    "^",
    "$",
    "(",
    ")",
    "(?:",
    "(?i)",
    "(?)",
    "(?P<n>",
    "|",
    "*",
    "+?",
    "?",
    "{2}",
    "{,5}",
    "{1,}",
    "{0,2}",
    "{01}",
    "[a-c--b]",
    "[^a-c&&b]",
    "[~~_\\]\\<-]",
];

/// Parts of what stands in brackets.
const INSIDE: [&str; 24] = [
    "a",
    "b",
    "-",
    "--",
    "&&",
    "~~",
    "[",
    "^",
    "\\]",
    "\\<",
    "\\-",
    "\\_",
    "\\d",
    "\\W",
    "[:alpha:]",
    "[:^digit:]",
    "\\pL",
    "\\P{Greek}",
    "a-c",
    "+-/",
    "\\x41-C",
    "_",
    ",",
    "{",
];

const TEXTS: [&str; 24] = [
    "", "a", "b", "aa", "ab", "abc", "5", "-", "{", "{abc}", "a{,5}", "aaaaa", "<", "<a>", "_", "~", "&", "A",
    "\u{e9}", "\u{3b1}", "a b", "a.b", "]", "\\",
];

fn pattern() -> impl Strategy<Value = String> {
    let inside = prop::collection::vec(prop::sample::select(&INSIDE[..]), 1..5);
    let brackets = (prop::bool::ANY, inside)
        .prop_map(|(not, parts)| format!("[{}{}]", if not { "^" } else { "" }, parts.concat()));
    let part = prop_oneof![4 => prop::sample::select(&PARTS[..]).prop_map(str::to_owned), 1 => brackets];
    prop::collection::vec(part, 1..7).prop_map(|parts| parts.concat())
}

#[test]
fn patterns_match_what_go_matches() {
    let seed: [u8; 32] = std::env::var("PATTERN_SEED").map_or_else(
        |_| [7; 32],
        |word| std::array::from_fn(|at| word.as_bytes().get(at).copied().unwrap_or_default()),
    );
    eprintln!("PATTERN_SEED: {seed:?}");
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = pattern();
    let mut patterns = ["^{[a-z]+}$", "^a{,5}$", "[a-c--b]", "\\<"].map(str::to_owned).to_vec();
    patterns.extend((0..4_000).map(|_| strategy.new_tree(&mut runner).unwrap().current()));
    let answers = judge(patterns.iter().map(|pattern| json!({"pattern": pattern, "texts": TEXTS})));
    let mut taken = 0;
    for (pattern, answer) in patterns.iter().zip(answers) {
        let compiled = matcher::compile(pattern);
        assert_eq!(compiled.is_ok(), answer["error"].is_null(), "{pattern}: {compiled:?}, Go: {answer}");
        let Ok(compiled) = compiled else { continue };
        taken += 1;
        for (text, expected) in TEXTS.iter().zip(answer["matches"].as_array().unwrap()) {
            assert_eq!(compiled.is_match(text), expected == true, "{pattern} on {text:?}");
        }
    }
    assert!(taken > 800, "{taken} of {} patterns are any", patterns.len());
}
