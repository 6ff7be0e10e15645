//! One file: every object in it, judged and placed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::across::{Facts, Subject};
use super::finding::{Draft, Excerpt, Finding};
use super::object::Schema;
use super::place::Maps;
use super::rule::{self, Rule, Severity};
use super::schema::Unsupported;
use super::way::{Way, way};
use super::{FieldValidation, MAX_DOCUMENT, advice, ignore, suggest};
use crate::registry::{Kind, Registry};
use crate::source::manifest::{Entry, ManifestError, Part, Reader, Trouble, misnamed};

/// How manifests are judged.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub fields: FieldValidation,
    /// Objects of other groups are errors.
    pub strict: bool,
    /// References to what no file defines are errors.
    pub closed: bool,
    /// Rules whose findings are not told.
    pub ignore: Vec<&'static Rule>,
}

/// All kinds, compiled once; shared by all workers.
#[derive(Debug)]
pub struct Validator {
    reader: Reader,
    registry: Arc<Registry>,
    /// By the kinds' indices.
    schemas: Vec<Schema>,
    settings: Settings,
}

/// What one file came to.
#[derive(Debug)]
pub struct FileReport {
    pub file: Arc<Path>,
    pub findings: Vec<Finding>,
    pub facts: Facts,
    pub objects: usize,
    pub skipped: BTreeMap<String, usize>,
    pub unreadable: bool,
    maps: Maps,
}

impl FileReport {
    fn new(file: &Arc<Path>) -> Self {
        Self {
            file: Arc::clone(file),
            findings: Vec::new(),
            facts: Facts::default(),
            objects: 0,
            skipped: BTreeMap::new(),
            unreadable: false,
            maps: Maps::default(),
        }
    }
}

impl Validator {
    #[must_use]
    pub fn new(registry: Arc<Registry>, settings: Settings) -> Self {
        let schemas = registry.kinds().iter().map(Schema::compile).collect();
        Self { reader: Reader::new(Arc::clone(&registry)), registry, schemas, settings }
    }

    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    #[must_use]
    pub fn closed(&self) -> bool {
        self.settings.closed
    }

    /// Whether findings of a rule are told.
    #[must_use]
    pub fn tells(&self, rule: &Rule) -> bool {
        !self.settings.ignore.contains(&rule)
    }

    /// Judges a file, or standard input for `-`.
    #[must_use]
    pub fn file(&self, file: &Arc<Path>) -> FileReport {
        let mut report = FileReport::new(file);
        self.reader.entries_of_file(file, MAX_DOCUMENT, &mut |part| {
            self.part(part, &mut report);
            true
        });
        self.finish(&mut report);
        report
    }

    /// Judges a stream; `file` is the name that findings are told with.
    #[must_use]
    pub fn stream(&self, file: &Arc<Path>, input: impl std::io::BufRead) -> FileReport {
        let mut report = FileReport::new(file);
        self.reader.entries(file, input, MAX_DOCUMENT, &mut |part| {
            self.part(part, &mut report);
            true
        });
        self.finish(&mut report);
        report
    }

    /// What cannot be opened.
    #[must_use]
    pub fn unreadable(&self, error: &ManifestError) -> FileReport {
        let mut report = FileReport::new(&error.file);
        report.findings.push(broken(Trouble::Io, error, ""));
        report.unreadable = true;
        report
    }

    fn finish(&self, report: &mut FileReport) {
        report.maps = Maps::default();
        report.findings.retain(|finding| self.tells(finding.rule));
        report.findings.sort_by_key(|finding| (finding.line, finding.column));
    }

    fn part(&self, part: Part<'_>, report: &mut FileReport) {
        match part {
            Part::Trouble(trouble, error, text) => {
                report.unreadable |= trouble == Trouble::Io;
                report.findings.push(broken(trouble, &error, text));
            }
            Part::Entry(mut entry) => {
                let object = std::mem::take(&mut entry.value);
                self.entry(&entry, object, report);
            }
        }
    }

    fn entry(&self, entry: &Entry<'_>, mut object: Value, report: &mut FileReport) {
        let mut found = Vec::new();
        let Some((api_version, name)) = identity(&object, &mut found) else {
            return place(entry, found, None, false, report);
        };
        let Some(index) = self.registry.find(&api_version, &name) else {
            self.foreign(&api_version, &name, report, &mut found);
            return place(entry, found, None, false, report);
        };
        report.objects += 1;
        let kind = self.registry.kind(index);
        let Some(schema) = self.schemas.get(usize::from(index.0)) else { return };
        let ignored = Arc::new(ignore::read(&object, &mut found));
        let label: Arc<str> = label(kind, &object).into();
        let judged = schema.judge(kind, &mut object, self.settings.fields);
        found.extend(judged.found);
        advice::check(kind, &object, judged.desired.as_ref(), &mut found);
        found.extend(unsupported(kind, schema));
        if let Some(resource) = &judged.resource {
            let (label, ignored) = (Arc::clone(&label), Arc::clone(&ignored));
            let subject = Subject { kind, resource, object: &object, label, ignored };
            report.facts.add(&self.registry, entry, &subject, &mut report.maps);
        }
        found.retain(|draft| !ignored.contains_key(draft.rule.id));
        place(entry, found, Some(&label), kind.sensitive, report);
    }

    /// An object that is of no known kind.
    fn foreign(&self, api_version: &str, name: &str, report: &mut FileReport, found: &mut Vec<Draft>) {
        if let Some((field, text)) = misnamed(&self.registry, api_version, name) {
            let rule = if field == "apiVersion" { &rule::UNKNOWN_VERSION } else { &rule::UNKNOWN_KIND };
            found.push(Draft::new(rule, way(&[field]), text));
            return;
        }
        let group = api_version.split_once('/').map_or(api_version, |(group, _)| group);
        // a slip of the pen in the group would make the object nobody's
        let ours = self.registry.kinds().iter().filter(|kind| kind.names.kind == name);
        if let Some(help) = suggest(group, ours.map(|kind| kind.names.group.as_str())) {
            let text = format!("unable to use {name} of {api_version}: there is no such group");
            found.push(Draft::new(&rule::UNKNOWN_KIND, way(&["apiVersion"]), text).help(Some(help)));
            return;
        }
        *report.skipped.entry(group.to_owned()).or_default() += 1;
        if self.settings.strict {
            let text = format!("unable to check {name} of {api_version}: no kind file says what it is");
            let help = "give the folder of its kind file with --kinds, or leave --strict out".to_owned();
            found.push(Draft::new(&rule::UNKNOWN_GROUP, way(&["apiVersion"]), text).help(Some(help)));
        }
    }
}

/// `apiVersion` and `kind`, where the document is an object that says them.
fn identity(object: &Value, found: &mut Vec<Draft>) -> Option<(String, String)> {
    let mut refuse = |way: Way, text: String| {
        found.push(Draft::new(&rule::NOT_AN_OBJECT, way, text));
        None
    };
    let Some(map) = object.as_object() else {
        let text = format!("expected an object with apiVersion, kind and metadata, not {}", super::a(object));
        return refuse(Way::new(), text);
    };
    let mut words = Vec::new();
    for field in ["apiVersion", "kind"] {
        match map.get(field) {
            Some(Value::String(text)) if !text.is_empty() => words.push(text.clone()),
            None | Some(Value::Null | Value::String(_)) => return refuse(Way::new(), format!("{field} is missing")),
            Some(other) => {
                let text = format!("{field}: expected a string, not {}; put it into quotes", super::a(other));
                return refuse(way(&[field]), text);
            }
        }
    }
    let mut words = words.into_iter();
    Some((words.next()?, words.next()?))
}

/// How people call an object.
fn label(kind: &Kind, object: &Value) -> String {
    let text = |name: &str| object["metadata"][name].as_str().filter(|text| !text.is_empty());
    let namespace = text("namespace").unwrap_or("default");
    let name = text("name").or_else(|| text("generateName")).unwrap_or("(no name)");
    let clean = |text: &str| text.replace(|c: char| c.is_control(), " ");
    format!("{} {}/{}", kind.names.kind, clean(namespace), clean(name))
}

fn unsupported<'s>(kind: &'s Kind, schema: &'s Schema) -> impl Iterator<Item = Draft> + 's {
    schema.unsupported.iter().map(|one| {
        let (rule, text) = match one {
            Unsupported::Cel { rule: text, why } => {
                (&rule::CEL_UNSUPPORTED, format!("the rule `{text}` of {} is not checked: {why}", kind.names.kind))
            }
            Unsupported::Pattern { pattern, why } => (
                &rule::SCHEMA_UNSUPPORTED,
                format!("the pattern `{pattern}` of {} is not checked: {why}", kind.names.kind),
            ),
        };
        Draft::new(rule, way(&["kind"]), text).help(Some("the API server checks it".to_owned()))
    })
}

fn place(entry: &Entry<'_>, found: Vec<Draft>, object: Option<&str>, sensitive: bool, report: &mut FileReport) {
    if found.is_empty() {
        return;
    }
    let map = report.maps.of(entry, sensitive);
    report.findings.extend(found.into_iter().map(|draft| map.place(draft, object)));
}

/// What cannot be read.
fn broken(trouble: Trouble, error: &ManifestError, text: &str) -> Finding {
    let rule = match trouble {
        Trouble::Io => &rule::UNREADABLE,
        Trouble::NotText => &rule::NOT_TEXT,
        Trouble::Syntax => &rule::SYNTAX,
        Trouble::DuplicateKey => &rule::DUPLICATE_KEY,
        Trouble::Limits => &rule::TOO_DEEP,
        Trouble::TooLarge => &rule::DOCUMENT_TOO_LARGE,
    };
    Finding {
        rule,
        severity: Severity::Error,
        file: Arc::clone(&error.file),
        line: error.line,
        column: error.column,
        end_column: if error.column == 0 { 0 } else { error.column + 1 },
        object: None,
        path: String::new(),
        text: error.text.clone(),
        help: hint(trouble, error, text),
        note: None,
        excerpt: excerpt(error),
    }
}

fn hint(trouble: Trouble, error: &ManifestError, text: &str) -> Option<String> {
    match trouble {
        Trouble::Syntax if text.lines().any(|line| line.trim_start_matches(' ').starts_with('\t')) => {
            Some("YAML is indented by blanks, never by tabs".to_owned())
        }
        Trouble::Limits => Some("write it out, with fewer levels or aliases".to_owned()),
        Trouble::DuplicateKey if error.text.contains("duplicate") => {
            Some("take one of the two out: kubectl would use the last without a word".to_owned())
        }
        _ => None,
    }
}

/// The line of a reader's snippet, `7 | text`, which is there only where it is no secret.
fn excerpt(error: &ManifestError) -> Option<Excerpt> {
    let (_, line) = error.snippet.as_ref()?.lines().next()?.split_once(" | ")?;
    let start = line.char_indices().nth(error.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    let end = line[start..].chars().next().map_or(start, |c| start + c.len_utf8());
    Some(Excerpt { line: line.to_owned(), start, end })
}
