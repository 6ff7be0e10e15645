//! The order of the rooms: a top-level module of `src/` uses only those above it in the list of `src/lib.rs`, and the
//! pure ones reach for neither clock nor I/O.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says so by panicking, in helpers too"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// Rooms, or parts of them, that decide and do nothing else.
const PURE: &[&str] = &["plan", "reconciler/state", "normalize", "rules", "desired", "status"];

/// What has a clock, a die, a disk or a network in it.
const IMPURE: &str =
    r"\b(Instant::now|SystemTime|Utc::now|Timestamp::now|rand::|tokio::|std::(?:fs|net|env|process)|\.await\b)";

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

/// The rooms in the order that the documentation of `src/lib.rs` declares.
fn order(lib: &str) -> Vec<String> {
    let name = regex(r"\[`(\w+)`\]");
    let bullets = lib.lines().filter(|line| line.starts_with("//! - "));
    // names in the words of a bullet are no entries
    let entries: String = bullets.map(|line| &line[..line.find("]: ").map_or(line.len(), |at| at + 1)]).collect();
    name.captures_iter(&entries).map(|found| found[1].to_owned()).collect()
}

/// The same text with comments, and all that is compiled for tests alone, blanked: lines keep their numbers.
fn code(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    // the closing line of an item for tests, by its indent
    let mut until: Option<String> = None;
    let mut test_item = false;
    for line in text.lines() {
        let bare = line.trim_start();
        let indent = &line[..line.len() - bare.len()];
        let skipped = if let Some(end) = &until {
            if *end == line {
                until = None;
            }
            true
        } else if bare.starts_with("#[cfg(test)]") {
            test_item = true;
            true
        } else if test_item {
            // attributes may follow; an item ends with its line, or with a brace of the same indent
            if !bare.starts_with("#[") {
                test_item = false;
                until = (!line.ends_with(';') && !line.ends_with('}')).then(|| format!("{indent}}}"));
            }
            true
        } else {
            bare.starts_with("//")
        };
        if !skipped {
            kept.push_str(line.split(" // ").next().unwrap_or(line));
        }
        kept.push('\n');
    }
    kept
}

/// A room that a file uses, and the line of it.
#[derive(Debug, PartialEq, Eq)]
struct Use {
    line: usize,
    room: String,
}

/// The rooms that a file uses: `crate::room`, the names of `crate::{...}`, and as many `super::` as lead to the root.
fn uses(text: &str, depth: usize) -> Vec<Use> {
    static PATH: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:\bcrate::|(?:^|[^:\w])((?:super::)+))(\w+|\{)"));
    let code = code(text);
    let line = |at: usize| code[..at].matches('\n').count() + 1;
    let mut found = Vec::new();
    for captures in PATH.captures_iter(&code) {
        if captures.get(1).is_some_and(|climb| climb.len() != depth * "super::".len()) {
            continue;
        }
        let hit = captures.get(2).unwrap();
        if hit.as_str() != "{" {
            found.push(Use { line: line(hit.start()), room: hit.as_str().to_owned() });
            continue;
        }
        let mut nested = 0;
        let mut fresh = true;
        for (at, part) in code[hit.start()..].match_indices(['{', '}', ',', ':']) {
            match part {
                "{" => nested += 1,
                "}" => nested -= 1,
                "," if nested == 1 => fresh = true,
                _ => {}
            }
            if nested == 0 {
                break;
            }
            if fresh && nested == 1 && matches!(part, "{" | ",") {
                let rest = code[hit.start() + at + 1..].trim_start();
                let start = code.len() - rest.len();
                let room: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                found.extend((!room.is_empty()).then(|| Use { line: line(start), room }));
                fresh = false;
            }
        }
    }
    found
}

/// Arrows that lead down: what a file of `room` must not use.
fn offences(order: &[String], room: &str, uses: Vec<Use>) -> Vec<Use> {
    let rank = |name: &str| order.iter().position(|known| known == name);
    let own = rank(room);
    // what is no room has no rank, and `None` is less than any
    uses.into_iter().filter(|used| rank(&used.room) > own).collect()
}

/// Files of a folder or a file, but those that hold tests alone.
fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        found.extend((!path.ends_with("tests.rs")).then(|| path.to_owned()));
        return;
    }
    let mut entries: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
        .iter()
        .filter(|path| path.file_name().is_some_and(|name| name != "tests"))
        .for_each(|path| files(path, found));
}

/// How many `super` lead from a file to the crate's root: one from `room.rs` and `room/mod.rs`, two from
/// `room/part.rs`.
fn depth(relative: &Path) -> usize {
    let parts = relative.components().count();
    if relative.ends_with("mod.rs") { parts - 1 } else { parts }
}

#[test]
fn rooms_use_only_rooms_above_them() {
    let lib = std::fs::read_to_string(src().join("lib.rs")).unwrap();
    let order = order(&lib);
    let modules: BTreeSet<_> =
        regex(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?mod (\w+);").captures_iter(&lib).map(|c| c[1].to_owned()).collect();
    assert_eq!(order.iter().cloned().collect::<BTreeSet<_>>(), modules, "the list of src/lib.rs and its modules");
    let mut all = Vec::new();
    files(&src(), &mut all);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in all {
        let relative = path.strip_prefix(src()).unwrap();
        let room =
            relative.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        // the root and the program themselves are no rooms
        if ["lib", "main"].contains(&room.as_str()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let uses = uses(&text, depth(relative));
        seen += uses.len();
        let offences = offences(&order, &room, uses);
        wrong.extend(
            offences.iter().map(|used| format!("src/{}:{}: {room} -> {}", relative.display(), used.line, used.room)),
        );
    }
    assert!(seen > 300, "the reader has found {seen} uses");
    assert!(wrong.is_empty(), "a room uses one below it:\n{}", wrong.join("\n"));
}

#[test]
fn what_decides_has_neither_clock_nor_io() {
    let impure = regex(IMPURE);
    for pure in PURE {
        let path = src().join(pure);
        assert!(path.exists(), "src/{pure} is not there");
        let mut all = Vec::new();
        files(&path, &mut all);
        for path in all {
            let text = code(&std::fs::read_to_string(&path).unwrap());
            for (number, line) in text.lines().enumerate() {
                assert!(!impure.is_match(line), "{}:{}: {}", path.display(), number + 1, line.trim());
            }
        }
    }
}

/// The reader itself: what it has to see, and what it has to pass over.
#[test]
fn a_planted_line_is_found() {
    let lib = "//! - [`ground`] and [`walls`]: not [`roof`]: no entry\n//! - [`roof`]: it\n";
    let order = order(lib);
    assert_eq!(order, ["ground", "walls", "roof"]);
    let offending = |text: &str, depth| {
        offences(&order, "walls", uses(text, depth)).iter().map(|used| used.line).collect::<Vec<_>>()
    };
    assert_eq!(offending("use crate::ground::A;\n", 1), [0; 0]);
    assert_eq!(offending("use crate::ground::A;\nuse crate::roof::B;\n", 1), [2]);
    assert_eq!(offending("fn f() {\n    crate::roof::tile();\n}\n", 1), [2]);
    assert_eq!(offending("use crate::{\n    ground::{A, B},\n    roof,\n};\n", 1), [3]);
    assert_eq!(offending("use super::roof::A;\nuse super::super::roof::A;\n", 2), [2]);
    assert_eq!(offending("use super::roof::A;\n", 1), [1]);
    let tests = "#[cfg(test)]\nmod tests {\n    use crate::roof::A;\n}\nuse crate::roof::B;\n";
    assert_eq!(offending(tests, 1), [5], "what stands in tests does not count, what follows does");
    assert_eq!(offending("#[cfg(test)]\nmod tests;\nuse crate::roof::B;\n", 1), [3]);
    assert_eq!(offending("/// As [`crate::roof`] does.\nlet a = 1; // crate::roof\n", 1), [0; 0]);
    assert!(regex(IMPURE).is_match("let now = Instant::now();") && !regex(IMPURE).is_match("now: Instant,"));
}
