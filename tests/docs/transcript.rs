//! Pages that show commands with their output, replayed in an empty folder: their files are written, their commands
//! run, and what is printed is what is shown.

use std::path::Path;
use std::process::Command;

use regex::Regex;

use super::read;

/// Runs a command as a reader would, and gives all that it prints.
fn run(folder: &Path, line: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_orloj-operator"));
    let path =
        format!("{}:{}", program.parent().unwrap_or(program).display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{line} 2>&1")]).current_dir(folder).env("PATH", path).env("NO_COLOR", "1");
    // nothing of the caller's configuration
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ORLOJ_")) {
        command.env_remove(name);
    }
    let output = command.output().unwrap_or_else(|error| panic!("{line}: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Ages differ from run to run.
fn ageless(text: &str) -> String {
    let age = Regex::new(r"(?m)\b\d+s$").unwrap_or_else(|error| panic!("{error}"));
    age.replace_all(text, "1s").into_owned()
}

/// Whether `printed` is what is shown; a line `...` stands for any number of lines.
fn is_shown(shown: &str, printed: &str) -> bool {
    let parts: Vec<_> = shown.split("...\n").map(|part| regex::escape(&ageless(part))).collect();
    let pattern = format!("(?s)\\A{}\\z", parts.join("(?:.*\n)?"));
    Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(&ageless(printed)))
}

/// Writes files and runs commands in the order of the page; `between` may do what the words of the page tell the reader
/// to do before a command.
fn replay(page: &str, between: impl Fn(&Path, &str)) {
    let text = read(page);
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let name = Regex::new(r"`([\w/-]+(?:\.test)?\.yaml)`").unwrap_or_else(|error| panic!("{error}"));
    let mut before = String::new();
    let mut commands = 0;
    for (index, part) in text.split("```").enumerate() {
        if index % 2 == 0 {
            part.clone_into(&mut before);
            continue;
        }
        let (language, body) = part.split_once('\n').unwrap_or_default();
        match language {
            "yaml" => {
                let Some(file) = name.captures_iter(&before).last().map(|found| folder.path().join(&found[1])) else {
                    panic!("{page}: what file is this?\n{body}")
                };
                std::fs::create_dir_all(file.parent().unwrap_or(folder.path()))
                    .unwrap_or_else(|error| panic!("{error}"));
                std::fs::write(&file, body).unwrap_or_else(|error| panic!("{error}"));
            }
            "console" => {
                for command in body.trim_start_matches("$ ").split("\n$ ") {
                    let (line, shown) = command.split_once('\n').unwrap_or((command, ""));
                    let shown =
                        if shown.is_empty() || shown.ends_with('\n') { shown.to_owned() } else { format!("{shown}\n") };
                    between(folder.path(), &shown);
                    let printed = run(folder.path(), line);
                    assert!(is_shown(&shown, &printed), "{page}: {line}\nshown:\n{shown}\nprinted:\n{printed}");
                    commands += 1;
                }
            }
            _ => {}
        }
    }
    assert!(commands > 6, "{page}: {commands} commands");
}

#[test]
fn the_first_steps_can_be_taken() {
    replay("docs/tutorial.md", |_, _| {});
}

#[test]
fn the_guide_to_a_new_kind_can_be_followed() {
    replay(super::GUIDE, |folder, shown| {
        if shown.starts_with("! refused") {
            let file = folder.join("shop/bookshelf.yaml");
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let without = text.replace("paint: {colour: oak}", "paint: {}");
            assert_ne!(text, without);
            std::fs::write(&file, without).unwrap_or_else(|error| panic!("{error}"));
        }
    });
}

#[test]
fn a_planted_difference_is_found() {
    assert!(is_shown("a\n...\nz  3s\n", "a\nb\nc\nz  14s\n") && is_shown("a\n...\nz\n", "a\nz\n"));
    assert!(!is_shown("a\n", "a\nb\n") && !is_shown("a\n...\nz\n", "a\nb\n") && !is_shown("", "a\n"));
}
