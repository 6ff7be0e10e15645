//! What `validate` is to look at, and what cannot be found there: references, the graph, what is outdated.

use super::Desk;
use super::facts::Facts;
use super::mend::{Field, Outcome};
use crate::apimachinery::suggest::suggest;
use crate::diagnostics::SourceText;
use crate::normalize::Shape;
use crate::registry::file::{KindFile, MadeBySpec, OutdatedSpec, ReferenceSpec};

pub(super) const CONSTANT: &str = "relation-constant";
const TWICE: &str = "relation-twice";
const UNCLEAR: &str = "outdated-unclear";

pub(super) fn check(
    desk: &mut Desk<'_>,
    file: &KindFile,
    shape: &Shape,
    facts: &Facts,
    all: &[(SourceText, KindFile)],
) {
    for (index, spec) in file.references.iter().enumerate() {
        let at = format!("/references/{index}");
        kind(desk, file, spec, &at, all);
        if let Some(made) = &spec.made_by {
            made_by(desk, made, &format!("{at}/madeBy/nameContains"));
        }
        if facts.is_gone(&spec.path) {
            let message = format!("a step drops `{}`: what it names is never used", spec.path);
            desk.value(CONSTANT, &format!("{at}/path"), message, Some("take one of the two out".to_owned()));
        }
        let same = |other: &ReferenceSpec| {
            other.path == spec.path && other.kind == spec.kind && other.group.as_ref() == spec.group.as_ref()
        };
        twice(desk, &at, file.references[..index].iter().position(same), "references");
    }
    for (index, spec) in file.outdated.iter().enumerate() {
        let at = format!("/outdated/{index}");
        outdated(desk, file, spec, &at);
        versions(desk, spec, &at);
        let folded = |value: &Option<String>| value.as_ref().map(|value| value.to_lowercase());
        let same = |other: &OutdatedSpec| other.path == spec.path && folded(&other.value) == folded(&spec.value);
        twice(desk, &at, file.outdated[..index].iter().position(same), "outdated");
    }
    super::graph::check(desk, file, shape);
}

fn twice(desk: &mut Desk<'_>, at: &str, first: Option<usize>, section: &str) {
    if let Some(first) = first {
        let message = format!("entry {} of `{section}` says the same", first + 1);
        desk.value(TWICE, at, message, Some("take one of the two out".to_owned()));
    }
}

/// The kind that is named has to be one that is known, or nothing is ever looked up.
fn kind(desk: &mut Desk<'_>, file: &KindFile, spec: &ReferenceSpec, at: &str, all: &[(SourceText, KindFile)]) {
    let group = spec.group.as_ref().unwrap_or(&file.group);
    let known = || all.iter().map(|(_, other)| other);
    if known().any(|other| other.kind == spec.kind && other.group == *group) {
        return;
    }
    let elsewhere = known().find(|other| other.kind == spec.kind).map(|other| format!("say `group: {}`", other.group));
    let near = || suggest(&spec.kind, known().filter(|other| other.group == *group).map(|other| other.kind.as_str()));
    let help = elsewhere.or_else(near).unwrap_or_else(|| {
        "give the folder of its file as well: `kinds lint DIR OTHER`, or `--kinds OTHER`".to_owned()
    });
    let message =
        format!("no file describes a kind `{}` of {group}: `validate` never looks for what is named", spec.kind);
    let at = if spec.group.is_some() { format!("{at}/group") } else { format!("{at}/kind") };
    desk.value("reference-kind", &at, message, Some(help));
}

fn made_by(desk: &mut Desk<'_>, made: &MadeBySpec, at: &str) {
    let text = &made.name_contains;
    if text.trim().is_empty() {
        let message = "every name has that in it: nothing is ever looked for";
        desk.value(CONSTANT, at, message, Some("say what only names made by orlojd have".to_owned()));
    } else if !text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-./".contains(c)) {
        let message = format!("no name has `{text}` in it: Kubernetes takes lower-case letters, digits, `-` and `.`");
        desk.value(CONSTANT, at, message, None);
    }
}

fn outdated(desk: &mut Desk<'_>, file: &KindFile, spec: &OutdatedSpec, at: &str) {
    if spec.path == "spec" {
        let message = "the spec is always there: every resource would be told so";
        desk.value(CONSTANT, &format!("{at}/path"), message, Some("name the field".to_owned()));
        return;
    }
    let Some(value) = &spec.value else { return };
    let pointer = format!("{at}/value");
    if value.trim() != value {
        let message = format!("`{value}` is compared without white space around it: nothing is equal to it");
        desk.value(CONSTANT, &pointer, message, Some(format!("write '{}'", value.trim())));
        return;
    }
    let field = Field::new(file, &spec.path);
    if let Outcome::Kept(Some(now)) = field.run(Some(value.as_str().into()), 0)
        && !now.as_str().is_some_and(|now| now.eq_ignore_ascii_case(value))
    {
        let message = format!("a step turns `{value}` into {now} before it is stored: orlojd never sees it");
        let help =
            "take the step out, or this entry, or allow it where people are to change it all the same".to_owned();
        desk.value("outdated-mended", &pointer, message, Some(help));
    } else if spec.removed.is_none()
        && let Some(who) = refused(file, spec, value)
    {
        let message = format!("`{value}` is refused by {who}: it is more than deprecated");
        let help = "say in which version it was `removed`, or let it pass".to_owned();
        desk.value(CONSTANT, &pointer, message, Some(help));
    }
}

/// Who refuses a value that is said to be merely deprecated, in any case.
fn refused(file: &KindFile, spec: &OutdatedSpec, value: &str) -> Option<String> {
    let cases = [value.to_owned(), value.to_lowercase(), value.to_uppercase()];
    let field = Field::new(file, &spec.path);
    if let Some(schema) = super::stricter::at(&file.schema, &spec.path)
        && let Some(key) = super::stricter::refuses_all(schema, &cases)
    {
        return Some(format!("the field's `{key}`"));
    }
    let passes = |case: &String| match field.run(Some(case.as_str().into()), 0) {
        Outcome::Kept(now) => field.passes(Some(&case.as_str().into()), now.as_ref()),
        Outcome::Dropped => true,
    };
    (!cases.iter().any(passes)).then(|| "a rule".to_owned())
}

/// Since when, and what to do in its place.
fn versions(desk: &mut Desk<'_>, spec: &OutdatedSpec, at: &str) {
    let mut known = Vec::new();
    for (key, version) in [("deprecated", &spec.deprecated), ("removed", &spec.removed)] {
        let Some(version) = version else { continue };
        let numbers: Option<Vec<u64>> =
            version.trim().trim_start_matches('v').split('.').map(|part| part.parse().ok()).collect();
        if let Some(numbers) = numbers {
            known.push(numbers);
            continue;
        }
        let message = format!("`{version}` is no version of orlojd");
        desk.value(UNCLEAR, &format!("{at}/{key}"), message, Some("write it as '0.6'".to_owned()));
    }
    if let [deprecated, removed] = known.as_slice()
        && removed < deprecated
    {
        let message = "it would be removed before it is deprecated";
        desk.value(
            UNCLEAR,
            &format!("{at}/removed"),
            message,
            Some("the later version is that of `removed`".to_owned()),
        );
    }
    if spec.instead.trim().is_empty() {
        let help = "`validate` tells it as what to do: `use external`, `take it out: it does nothing`".to_owned();
        desk.value(UNCLEAR, &format!("{at}/instead"), "it does not say what to do instead", Some(help));
    }
}
