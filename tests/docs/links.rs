//! Every link of every page: to a file that is there, and to a heading that it has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use super::{find_all, is_page, read, root};

/// Where the repository is read by those who have the book, or a page of the chart, alone.
const ADDRESS: &str = "https://github.com/orlojhq/orloj-operator/";

/// Folders of other people's files, or of none.
const ELSEWHERE: &[&str] = &[".git", "target", "node_modules"];

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let elsewhere = path.file_name().is_some_and(|name| ELSEWHERE.iter().any(|one| name == *one));
        if path.is_dir() && !elsewhere {
            pages(&path, found);
        } else if is_page(&path) {
            found.push(path);
        }
    }
}

/// A page without its fenced blocks: what looks like a link or a heading in there is none.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut times = BTreeMap::<String, usize>::new();
    let heading = |line: &str| {
        line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')).map(str::to_owned)
    };
    prose(text)
        .lines()
        .filter_map(heading)
        .map(|heading| {
            let link = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap_or_else(|error| panic!("{error}"));
            let text = link.replace_all(heading.trim(), "$1").to_lowercase().replace(' ', "-");
            let name: String = text.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
            let count = times.entry(name.clone()).or_default();
            *count += 1;
            if *count == 1 { name } else { format!("{name}-{}", *count - 1) }
        })
        .collect()
}

/// A path without `.` and `..`; `None` where it leads out of the repository.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir if !plain.pop() => return None,
            _ => {}
        }
    }
    Some(plain)
}

/// What is wrong with a link of a page, if anything. Paths are from the repository's root.
fn fault(page: &Path, link: &str) -> Option<String> {
    let (place, anchor) = link.split_once('#').unwrap_or((link, ""));
    let within = place.strip_prefix(ADDRESS).map(|rest| rest.splitn(3, '/').collect::<Vec<_>>());
    let target = match within.as_deref() {
        Some(["blob" | "tree", "main", path]) => PathBuf::from(path),
        // the start page shows the README
        Some([""]) => PathBuf::from("README.md"),
        Some(_) => return None,
        None if place.contains("://") || place.starts_with("mailto:") => return None,
        None if place.is_empty() => page.to_owned(),
        None => match plain(&page.parent()?.join(place)) {
            Some(path) => path,
            None => return Some(format!("{link} leads out of the repository")),
        },
    };
    if within.is_none() && page.starts_with("docs") && !target.starts_with("docs") {
        return Some(format!("{link} leads out of the book: give the address on GitHub"));
    }
    let of_book = page.starts_with("docs") && !page.ends_with("SUMMARY.md") && within.is_none();
    if of_book && !place.is_empty() && target.ends_with("README.md") {
        return Some(format!("{link}: the book makes index.html of it: link to the folder"));
    }
    if !root().join(&target).exists() {
        return Some(format!("{link}: there is no {}", target.display()));
    }
    if anchor.is_empty() || !is_page(&target) || anchors(&read(&target)).contains(anchor) {
        return None;
    }
    Some(format!("{link}: {} has no heading #{anchor}", target.display()))
}

fn links(text: &str) -> BTreeSet<String> {
    find_all(r"\]\(<?([^)\s>]+)>?\)", &prose(text))
}

#[test]
fn every_link_leads_somewhere() {
    let mut all = Vec::new();
    pages(root(), &mut all);
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in &all {
        let page = path.strip_prefix(root()).unwrap_or(path);
        for link in links(&read(page)) {
            seen += 1;
            wrong.extend(fault(page, &link).map(|fault| format!("{}: {fault}", page.display())));
        }
    }
    assert!(all.len() > 35 && seen > 150, "{} pages, {seen} links", all.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The addresses of our own pages that the program, the chart and the pipelines give.
#[test]
fn every_address_of_a_page_leads_somewhere() {
    let mut seen = 0;
    let places = ["src", "chart", "kinds", ".github", ".gitlab", "action.yml", ".pre-commit-hooks.yaml"];
    for path in places
        .into_iter()
        .flat_map(|place| if root().join(place).is_file() { vec![root().join(place)] } else { super::files(place) })
    {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for link in find_all(&format!(r#"({ADDRESS}(?:blob|tree)/main/[^\s"'`<>)\]]+)"#), &text) {
            seen += 1;
            let fault = fault(Path::new("README.md"), link.trim_end_matches('.'));
            assert!(fault.is_none(), "{}: {fault:?}", path.display());
        }
    }
    assert!(seen > 8, "{seen} addresses");
}

/// The table of contents names every page of the book, so that none is read on GitHub alone.
#[test]
fn the_book_has_every_page() {
    let listed = links(&read("docs/SUMMARY.md"));
    for path in super::files("docs").into_iter().filter(|path| is_page(path)) {
        let name = path.strip_prefix(root().join("docs")).unwrap_or(&path).to_string_lossy().into_owned();
        assert!(name == "SUMMARY.md" || listed.contains(&name), "docs/{name} is not in docs/SUMMARY.md");
    }
}

#[test]
fn a_planted_fault_is_found() {
    let text = "# The first: one\n\n## `kinds lint`\n\n## Twice\n\n## Twice\n\n```sh\n# none\n[a](b)\n```\n\n[one](x.md) [two](<y.md#z>)\n";
    let expected = ["the-first-one", "kinds-lint", "twice", "twice-1"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(expected));
    assert_eq!(links(text), BTreeSet::from(["x.md", "y.md#z"].map(str::to_owned)));
    let found = |page: &str, link: &str| fault(Path::new(page), link).is_some();
    for (page, good) in [
        ("README.md", "docs/README.md"),
        ("docs/guides/plan.md", "../reference/status.md#reasons"),
        ("kinds/README.md", "../README.md#two-commands"),
        ("docs/README.md", "https://github.com/orlojhq/orloj-operator/blob/main/kinds/README.md#cases"),
        ("README.md", "#promises"),
    ] {
        assert!(!found(page, good), "{page}: {good}: {:?}", fault(Path::new(page), good));
    }
    for (page, bad) in [
        ("README.md", "docs/none.md"),
        ("README.md", "docs/README.md#none"),
        ("README.md", "#none"),
        ("README.md", "../elsewhere.md"),
        ("docs/README.md", "../README.md"),
        ("docs/README.md", "adr/README.md"),
        ("docs/README.md", "https://github.com/orlojhq/orloj-operator/blob/main/none.md"),
    ] {
        assert!(found(page, bad), "{page}: {bad}");
    }
}
