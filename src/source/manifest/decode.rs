//! The text of one document as JSON values, read as kubectl reads it: YAML 1.1 scalars, merge keys; JSON keeps its
//! numbers. A key that is given twice is an error in both, or its last value counts.

use std::ops::Range;

use serde_json::Value;
use serde_saphyr::Options;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::Trouble;
use super::typeless::{JsonValue, KeyText, YamlValue};

/// Deepest nesting, as in `serde_json`.
const MAX_DEPTH: usize = 128;

/// What aliases may unfold to beyond the text's own size: far above any manifest, far below a bomb.
const ALIAS_EVENTS: usize = 200_000;

/// Bytes of texts that aliases may unfold to.
const ALIAS_BYTES: usize = 64 << 20;

/// A value, and where in the document it stands.
#[derive(Clone, PartialEq)]
pub struct Decoded {
    /// On which it begins, from 0.
    pub line: usize,
    /// In which it begins, in characters, from 0.
    pub column: usize,
    /// In bytes.
    pub span: Range<usize>,
    pub value: Value,
}

/// Without the value: it may hold secrets.
impl std::fmt::Debug for Decoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded").field("line", &self.line).finish_non_exhaustive()
    }
}

/// Why a document cannot be read. Holds nothing of the text but keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// In the document, from 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    pub text: String,
    pub trouble: Trouble,
}

/// The values of a document: one in YAML, any number one behind the other in JSON.
pub fn decode(text: &str) -> Result<Vec<Decoded>, DecodeError> {
    decode_with::<false>(text)
}

/// As [`decode`], but of a key that is given twice the last value counts, as with kubectl.
pub fn decode_last(text: &str) -> Result<Vec<Decoded>, DecodeError> {
    decode_with::<true>(text)
}

fn decode_with<const LAST_WINS: bool>(text: &str) -> Result<Vec<Decoded>, DecodeError> {
    let whole = whole::<LAST_WINS>;
    if !text.trim_start().starts_with('{') {
        return whole(text);
    }
    match json::<LAST_WINS>(text) {
        Err(fault) if fault.trouble == Trouble::Syntax => match whole(text) {
            // a flow mapping, which kubectl tries next as well
            Ok(values) => Ok(values),
            Err(_) if looks_like_json(text) => Err(fault),
            refused => refused,
        },
        result => result,
    }
}

fn whole<const LAST_WINS: bool>(text: &str) -> Result<Vec<Decoded>, DecodeError> {
    Ok(vec![Decoded { line: 0, column: 0, span: 0..text.len(), value: yaml::<LAST_WINS>(text)? }])
}

/// A key as it is read, given whether it is plain.
#[must_use]
pub fn key(plain: bool, text: String) -> String {
    // anything else is itself
    let special = text.starts_with(|c: char| c.is_ascii_digit() || "+-.ynYNtfTFoO".contains(c));
    if !plain || !special {
        return text;
    }
    let read = serde_saphyr::from_str_with_options::<KeyText>(&text, options(text.len()));
    read.map_or(text, |KeyText(read)| read)
}

/// Tells JSON from a YAML flow mapping: by its quoted keys.
fn looks_like_json(text: &str) -> bool {
    let inner = text.trim_start().trim_start_matches('{').trim_start();
    inner.starts_with('"') || inner.starts_with('}')
}

fn json<const LAST_WINS: bool>(text: &str) -> Result<Vec<Decoded>, DecodeError> {
    let mut values = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<JsonValue<LAST_WINS>>();
    let (mut start, mut line) = (0, 0);
    loop {
        let before = start;
        let from = stream.byte_offset();
        start = text.len() - text[from..].trim_start().len();
        line += text[before..start].matches('\n').count();
        match stream.next() {
            Some(Ok(JsonValue(value))) => {
                let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
                let column = text[line_start..start].chars().count();
                values.push(Decoded { line, column, span: start..stream.byte_offset(), value });
            }
            Some(Err(error)) => {
                let reason = error.to_string();
                let reason = reason.split(" at line ").next().unwrap_or_default();
                let line = error.line().max(1);
                // it counts bytes
                let shown = text.lines().nth(line - 1).unwrap_or_default();
                let before = shown.floor_char_boundary(error.column().saturating_sub(1));
                let column = shown[..before].chars().count() + 1;
                return Err(DecodeError { line, column, trouble: trouble(reason), text: words(reason) });
            }
            None => return Ok(values),
        }
    }
}

fn yaml<const LAST_WINS: bool>(text: &str) -> Result<Value, DecodeError> {
    let mut options = options(text.len());
    if LAST_WINS {
        options.duplicate_keys = DuplicateKeyPolicy::LastWins;
    }
    let read = serde_saphyr::from_str_with_options::<YamlValue<LAST_WINS>>(text, options);
    read.map(|YamlValue(value)| value).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let reason = error.without_snippet().to_string();
        let reason = reason.lines().next().unwrap_or_default();
        // its own position follows the reason: ours counts from the file's first line
        let reason = reason.split(" at line ").next().unwrap_or_default().trim_end_matches(':');
        let number = |n: u64| usize::try_from(n).unwrap_or(1).max(1);
        DecodeError { line: number(line), column: number(column), trouble: trouble(reason), text: words(reason) }
    })
}

/// A reader's reason in words for people, without values: they may be secret.
fn words(reason: &str) -> String {
    for (part, words) in [
        ("non-finite float", "a number is too large, or no number at all; put it into quotes"),
        ("cannot deserialize null into string", "a key is null; put it into quotes"),
        ("expected string scalar", "a key is a list or a mapping"),
        ("as a key", "a key is a list or a mapping"),
        ("cannot decode scalar tagged !!binary", "what is tagged !!binary is no text in base64"),
    ] {
        if reason.contains(part) {
            return words.to_owned();
        }
    }
    if trouble(reason) == Trouble::Limits {
        return "it is nested too deeply, or its aliases unfold to too much".to_owned();
    }
    // the library's advice is for programmers
    let reason = reason.split(", set DuplicateKeyPolicy").next().unwrap_or_default();
    if trouble(reason) == Trouble::DuplicateKey {
        return reason.to_owned();
    }
    // every second part is quoted
    let parts = reason.split('`').enumerate();
    let shown = parts.map(|(at, part)| if at % 2 == 1 && part.chars().count() > 1 { "…" } else { part });
    shown.collect::<Vec<_>>().join("`")
}

/// What sort of fault a reader's reason is.
fn trouble(reason: &str) -> Trouble {
    let lower = reason.to_lowercase();
    if lower.contains("duplicate") {
        Trouble::DuplicateKey
    } else if ["budget", "limit", "recursion", "too deep", "alias replay"].iter().any(|word| lower.contains(word)) {
        Trouble::Limits
    } else {
        Trouble::Syntax
    }
}

fn options(bytes: usize) -> Options {
    // a text without aliases has fewer nodes than bytes
    let most = bytes.saturating_add(ALIAS_EVENTS);
    let budget = serde_saphyr::budget! {
        max_events: most.saturating_mul(2),
        max_nodes: most,
        max_total_scalar_bytes: most.saturating_mul(2).saturating_add(ALIAS_BYTES),
        max_anchors: most,
        max_total_comment_bytes: most,
        max_buffered_comment_events: 100_000,
        max_depth: MAX_DEPTH,
    };
    let alias_limits = serde_saphyr::alias_limits! { max_total_replayed_events: ALIAS_EVENTS };
    serde_saphyr::options! {
        alias_limits: alias_limits,
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::Error,
        legacy_octal_numbers: true,
        strict_booleans: false,
        with_snippet: false,
        emit_comments: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(text: &str) -> Value {
        let mut values = decode(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        assert_eq!(values.len(), 1, "{text}");
        values.remove(0).value
    }

    fn fault(text: &str) -> DecodeError {
        decode(text).expect_err(text)
    }

    /// Each checked against `kubectl annotate --local`.
    #[test]
    fn scalars_are_what_kubectl_makes_of_them() {
        for (text, expected) in [
            ("yes", json!(true)),
            ("On", json!(true)),
            ("no", json!(false)),
            ("0755", json!(493)),
            ("0o755", json!(493)),
            ("0x1f", json!(31)),
            ("1_000", json!(1000)),
            ("12:30", json!("12:30")),
            ("2024-01-01", json!("2024-01-01")),
            ("1e3", json!(1000)),
            ("1.0", json!(1)),
            ("1.50", json!(1.5)),
            ("9223372036854775808", json!(9_223_372_036_854_775_808_u64)),
            ("~", json!(null)),
            ("", json!(null)),
            ("\"0755\"", json!("0755")),
            ("'yes'", json!("yes")),
        ] {
            assert_eq!(one(&format!("a: {text}\n"))["a"], expected, "{text}");
        }
    }

    /// Each checked against `kubectl annotate --local`.
    #[test]
    fn keys_are_what_kubectl_makes_of_them() {
        for (text, expected) in [
            ("on", "true"),
            ("No", "false"),
            ("y", "true"),
            ("'on'", "on"),
            ("0755", "493"),
            ("0x1f", "31"),
            ("1_000", "1000"),
            ("-7", "-7"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("1e7", "1e+07"),
            ("0.00001", "1e-05"),
            ("16777217.0", "1.6777216e+07"),
            ("12:30", "12:30"),
            ("2024-01-01", "2024-01-01"),
            ("plain words", "plain words"),
        ] {
            assert_eq!(one(&format!("{text}: x\n")), json!({expected: "x"}), "{text}");
        }
        for text in ["~: x\n", "null: x\n", "? [a]\n: x\n", "? {a: b}\n: x\n"] {
            fault(text);
        }
        assert_eq!(fault("on: 1\nyes: 2\n").trouble, Trouble::DuplicateKey);
        assert_eq!(one("{on: 1}"), json!({"true": 1}));
        assert_eq!(one("{\"on\": 1}"), json!({"on": 1}));
    }

    #[test]
    fn anchors_and_merge_keys_unfold() {
        let text = "base: &b {x: 1, z: 2}\na:\n  <<: *b\n  z: 3\n";
        assert_eq!(one(text)["a"], json!({"x": 1, "z": 3}));
    }

    #[test]
    fn line_ends_do_not_matter() {
        assert_eq!(one("a: |\r\n  x\r\n  y\r\nb: 1\r\n"), json!({"a": "x\ny\n", "b": 1}));
    }

    #[test]
    fn json_keeps_numbers_and_comes_in_streams() {
        assert_eq!(
            one("{\"a\": 1.0, \"b\": 1, \"c\": 18446744073709551615}").to_string(),
            "{\"a\":1.0,\"b\":1,\"c\":18446744073709551615}"
        );
        let values = decode("{\"a\": 1}\n\n{\"a\": 2} {\"a\": 3}\n").unwrap();
        let places: Vec<_> = values.iter().map(|one| (one.line, one.column, one.span.clone())).collect();
        assert_eq!(places, [(0, 0, 0..8), (2, 0, 10..18), (2, 9, 19..27)]);
        assert_eq!(one("{a: 1, b: yes}"), json!({"a": 1, "b": true}));
    }

    #[test]
    fn the_last_of_a_key_counts_where_that_is_asked_for() {
        for text in ["a: 1\nb: {c: 1, c: 2}\na: 3\n", "{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}, \"a\": 3}"] {
            assert_eq!(fault(text).trouble, Trouble::DuplicateKey);
            assert_eq!(decode_last(text).unwrap()[0].value, json!({"a": 3, "b": {"c": 2}}));
        }
        assert_eq!(decode_last("on: 1\nyes: 2\n").unwrap()[0].value, json!({"true": 2}));
    }

    #[test]
    fn faults_have_a_place_and_a_reason() {
        let twice = fault("a: 1\nb: 2\na: 3\n");
        assert_eq!(twice.line, 3);
        assert!(twice.text.contains("duplicate"), "{twice:?}");
        let json = fault("{\n \"a\": 1,\n \"a\": 2}");
        assert_eq!((json.line, json.text.as_str()), (3, "duplicate key `a`"));
        let broken = fault("a: 1\n b: 2\n");
        assert_eq!(broken.line, 2, "{broken:?}");
        assert!(!broken.text.contains(" at line "), "{broken:?}");
        assert_eq!(fault("{\"a\": 1,\n\"b\"}}").line, 2);
        assert!(decode("a: [unclosed\n").is_err());
        assert!(decode("a: .nan\n").is_err());
    }

    #[test]
    fn faults_hold_no_values() {
        for text in ["a: 123123123e99999\n", "{\"a\": 1e999}", "a: !!binary \"pl4nted\"\n", "a: !!int pl4nted\n"] {
            let fault = fault(text);
            assert!(!["123123", "pl4nted"].iter().any(|value| fault.text.contains(value)), "{fault:?}");
        }
        for text in ["? [a]\n: b\n", "? {a: b}\n: c\n", "~: x\n"] {
            assert!(fault(text).text.starts_with("a key is "), "{:?}", fault(text));
        }
    }

    #[test]
    fn what_begins_like_json_may_be_yaml() {
        for text in ["{\"a\": 1,}", "{\"a\": 1 # why\n}", "{\"a\": yes}", "{\"a\": 1, 'b': 2}"] {
            assert!(one(text)["a"] != json!(null), "{text}");
        }
        // told as JSON where neither reads it
        assert_eq!(fault("{\"日本\": \"x\", }}").column, 13);
    }

    #[test]
    fn bombs_do_not_go_off() {
        use std::fmt::Write as _;

        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..10 {
            let names = vec![format!("*a{}", level - 1); 10].join(", ");
            writeln!(bomb, "a{level}: &a{level} [{names}]").unwrap();
        }
        assert!(decode(&bomb).is_err());
        assert!(decode(&format!("a: {}{}", "[".repeat(1000), "]".repeat(1000))).is_err());
        assert!(decode(&format!("{{\"a\": {}{}}}", "[".repeat(1000), "]".repeat(1000))).is_err());
    }

    #[test]
    fn large_documents_are_no_bombs() {
        use std::fmt::Write as _;

        let mut list = String::from("items:\n");
        for number in 0..20_000 {
            writeln!(list, "- {{a: {number}, b: [1, 2]}}").unwrap();
        }
        assert_eq!(one(&list)["items"].as_array().unwrap().len(), 20_000);
        // one long text, used some times
        let text = format!("a: &a {}\nb: [*a, *a, *a, *a, *a]\n", "x".repeat(300 << 10));
        assert_eq!(one(&text)["b"].as_array().unwrap().len(), 5);
        let comments = format!("a:\n{}- 1\n", "# why\n".repeat(500));
        assert_eq!(one(&comments), json!({"a": [1]}));
    }
}
