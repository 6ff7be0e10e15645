//! One file: every object in it, judged and placed.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::facts::{Facts, Ids, Subject};
use super::finding::{Draft, Excerpt, Finding};
use super::ignore::Ignored;
use super::object::{Judged, Schema, is_generated};
use super::place::{Map, Maps, Shown};
use super::rule::{self, Rule, Severity};
use super::{FieldValidation, advice, ignore};
use crate::kube_schema::field_path::{FieldPath, field_path};
use crate::kube_schema::json_type_name;
use crate::kube_schema::schema::UnsupportedConstraint;
use crate::kube_schema::suggest::suggest;
use crate::registry::{Kind, Registry};
use crate::source::manifest::{Entry, ManifestError, Part, Place, Reader, STDIN, Trouble, misnamed};

/// Most bytes of what can be read but once, and so is kept.
const MAX_STREAM: u64 = 512 << 20;

/// Most bytes of a request to the API server (`MaxRequestBodyBytes`).
const MAX_REQUEST: usize = 3 << 20;

/// Most bytes that etcd takes, unless it was told otherwise (`--max-request-bytes`).
const MAX_STORED: usize = 3 << 19;

/// A text from which on its size is looked at.
const LARGE: usize = 1 << 20;

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
    ids: Ids,
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
    /// What it held, where it cannot be read again.
    pub text: Option<Arc<[u8]>>,
    /// Objects so far, of any kind.
    entries: u32,
    maps: Maps,
}

/// An object that is looked at again.
#[derive(Debug)]
pub struct Look<'l> {
    entry: &'l Entry<'l>,
    subject: Subject<'l>,
    ignored: &'l Ignored,
    maps: &'l mut Maps,
    reader: &'l Reader,
}

impl<'l> Look<'l> {
    #[must_use]
    pub fn subject(&self) -> &Subject<'l> {
        &self.subject
    }

    #[must_use]
    pub fn place(&self) -> &'l Place {
        &self.entry.place
    }

    /// Places what is found, without what the object is excused from.
    pub fn place_all(&mut self, mut found: Vec<Draft>) -> Vec<Finding> {
        found.retain(|draft| !self.ignored.contains_key(draft.rule.id));
        let label = label(self.subject.kind, self.subject.object);
        let map = || self.maps.of(self.entry, shown(self.subject.kind), self.reader);
        placed(found, Some(&label), map)
    }
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
            text: None,
            entries: 0,
            maps: Maps::default(),
        }
    }
}

impl Validator {
    #[must_use]
    pub fn new(registry: Arc<Registry>, settings: Settings) -> Self {
        let schemas = registry.kinds().iter().map(Schema::compile).collect();
        Self { reader: Reader::new(Arc::clone(&registry)), registry, schemas, settings, ids: Ids::default() }
    }

    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    #[must_use]
    pub fn ids(&self) -> &Ids {
        &self.ids
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
        match unrepeatable(file) {
            Ok(text) => report.text = text,
            Err(error) => return self.unreadable(&ManifestError::of_file(file, format!("unable to read: {error}"))),
        }
        let text = report.text.clone();
        self.parts(file, text.as_deref(), &mut |part| {
            self.part(part, &mut report);
            true
        });
        self.finish(&mut report);
        report
    }

    /// Tells the objects of known kinds in a file once more, each with its number among all of the file. `tell` says
    /// whether to go on. `text` is what the file held, where it cannot be read again.
    pub fn look_again(&self, file: &Arc<Path>, text: Option<&[u8]>, tell: &mut dyn FnMut(u32, &mut Look<'_>) -> bool) {
        let (mut number, mut maps) = (0, Maps::default());
        self.parts(file, text, &mut |part| {
            let Part::Entry(mut entry) = part else { return true };
            number += 1;
            let (mut object, mut unheard) = (std::mem::take(&mut entry.value), Vec::new());
            let Some((kind, schema)) = self.known(&object) else { return true };
            let ignored = ignore::read(&object, &mut unheard);
            let judged = schema.judge(kind, &mut object, self.settings.fields);
            let Some(resource) = &judged.resource else { return true };
            let subject = Subject { kind, resource, object: &object };
            tell(
                number - 1,
                &mut Look { entry: &entry, subject, ignored: &ignored, maps: &mut maps, reader: &self.reader },
            )
        });
    }

    fn parts(&self, file: &Arc<Path>, text: Option<&[u8]>, tell: &mut dyn FnMut(Part<'_>) -> bool) {
        match text {
            Some(text) => self.reader.entries(file, text, tell),
            None => self.reader.entries_of_file(file, tell),
        }
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
        let number = report.entries;
        report.entries += 1;
        let Some((api_version, name)) = identity(&object, &mut found) else {
            return self.place(entry, found, None, Shown::Alone, report);
        };
        let Some((kind, schema)) = self.known(&object) else {
            self.foreign(&api_version, &name, report, &mut found);
            return self.place(entry, found, None, Shown::Alone, report);
        };
        report.objects += 1;
        if entry.text.len() > LARGE {
            too_large(&object, &mut found);
        }
        let ignored = ignore::read(&object, &mut found);
        let (label, generated) = (label(kind, &object), is_generated(&object));
        let Judged { found: more, desired, resource } = schema.judge(kind, &mut object, self.settings.fields);
        found.extend(more);
        advice::check(kind, &object, desired.as_ref(), &mut found);
        report.findings.extend(unsupported(kind, schema, &entry.place));
        if let Some(resource) = &resource {
            let subject = Subject { kind, resource, object: &object };
            report.facts.add_links(&self.registry, &self.ids, number, &subject);
            if !generated {
                report.facts.add_definition(&self.ids, number, &subject);
            }
        }
        found.retain(|draft| !ignored.contains_key(draft.rule.id));
        self.place(entry, found, Some(&label), shown(kind), report);
    }

    fn place(&self, entry: &Entry<'_>, found: Vec<Draft>, object: Option<&str>, shown: Shown, report: &mut FileReport) {
        let maps = &mut report.maps;
        report.findings.extend(placed(found, object, || maps.of(entry, shown, &self.reader)));
    }

    /// The kind of an object that says what it is.
    fn known(&self, object: &Value) -> Option<(&Kind, &Schema)> {
        let word = |name: &str| object.get(name).and_then(Value::as_str);
        let index = self.registry.find(word("apiVersion")?, word("kind")?)?;
        Some((self.registry.kind(index), self.schemas.get(usize::from(index.0))?))
    }

    /// An object that is of no known kind.
    fn foreign(&self, api_version: &str, name: &str, report: &mut FileReport, found: &mut Vec<Draft>) {
        if let Some((field, text)) = misnamed(&self.registry, api_version, name) {
            let rule = if field == "apiVersion" { &rule::UNKNOWN_VERSION } else { &rule::UNKNOWN_KIND };
            found.push(Draft::new(rule, field_path(&[field]), text));
            return;
        }
        let group = api_version.split_once('/').map_or(api_version, |(group, _)| group);
        // a slip of the pen in the group would make the object nobody's
        let ours = self.registry.kinds().iter().filter(|kind| kind.names.kind == name);
        if let Some(help) = suggest(group, ours.map(|kind| kind.names.group.as_str())) {
            let text = format!("unable to use {name} of {api_version}: there is no such group");
            found.push(Draft::new(&rule::UNKNOWN_KIND, field_path(&["apiVersion"]), text).help(Some(help)));
            return;
        }
        *report.skipped.entry(group.to_owned()).or_default() += 1;
        if self.settings.strict {
            let text = format!("unable to check {name} of {api_version}: no kind file says what it is");
            let help = "give the folder of its kind file with --kinds, or leave --strict out".to_owned();
            found.push(Draft::new(&rule::UNKNOWN_GROUP, field_path(&["apiVersion"]), text).help(Some(help)));
        }
    }
}

/// `apiVersion` and `kind`, where the document is an object that says them.
fn identity(object: &Value, found: &mut Vec<Draft>) -> Option<(String, String)> {
    let mut refuse = |way: FieldPath, text: String| {
        found.push(Draft::new(&rule::NOT_AN_OBJECT, way, text));
        None
    };
    let Some(map) = object.as_object() else {
        let text = format!("expected an object with apiVersion, kind and metadata, not {}", json_type_name(object));
        return refuse(FieldPath::new(), text);
    };
    let mut words = Vec::new();
    for field in ["apiVersion", "kind"] {
        match map.get(field) {
            Some(Value::String(text)) if !text.is_empty() => words.push(text.clone()),
            None | Some(Value::Null | Value::String(_)) => {
                return refuse(FieldPath::new(), format!("{field} is missing"));
            }
            Some(other) => {
                let text = format!("{field}: expected a string, not {}; put it into quotes", json_type_name(other));
                return refuse(field_path(&[field]), text);
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

/// What neither the API server nor etcd takes: both count JSON.
fn too_large(object: &Value, found: &mut Vec<Draft>) {
    let bytes = serde_json::to_vec(object).map_or(0, |json| json.len());
    let mebibytes = |bytes: usize| format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20);
    if bytes > MAX_REQUEST {
        let text = format!("the object has {} as JSON; the API server takes at most 3 MiB", mebibytes(bytes));
        found.push(Draft::new(&rule::OBJECT_TOO_LARGE, FieldPath::new(), text));
    } else if bytes > MAX_STORED {
        let text = format!("the object has {} as JSON; etcd takes at most 1.5 MiB by default", mebibytes(bytes));
        found
            .push(Draft { severity: Severity::Warning, ..Draft::new(&rule::OBJECT_TOO_LARGE, FieldPath::new(), text) });
    }
}

fn shown(kind: &Kind) -> Shown {
    if kind.sensitive { Shown::Key } else { Shown::Line }
}

/// What of a kind is not checked. Told of each of its objects, of which one is heard: so it is not worth a second reading.
fn unsupported<'s>(kind: &'s Kind, schema: &'s Schema, place: &'s Place) -> impl Iterator<Item = Finding> + 's {
    schema.unsupported.iter().map(|one| {
        let (rule, text) = match one {
            UnsupportedConstraint::Cel { rule: text, why } => {
                (&rule::CEL_UNSUPPORTED, format!("the rule `{text}` of {} is not checked: {why}", kind.names.kind))
            }
            UnsupportedConstraint::Pattern { pattern, why } => (
                &rule::SCHEMA_UNSUPPORTED,
                format!("the pattern `{pattern}` of {} is not checked: {why}", kind.names.kind),
            ),
        };
        Finding {
            rule,
            severity: rule.severity,
            file: Arc::clone(&place.file),
            line: place.line,
            column: 0,
            end_column: 0,
            object: None,
            path: String::new(),
            text,
            help: Some("the API server checks it".to_owned()),
            note: None,
            excerpt: None,
        }
    })
}

/// Places what is found; without any, the text is not read for it.
fn placed(found: Vec<Draft>, object: Option<&str>, map: impl FnOnce() -> Map) -> Vec<Finding> {
    if found.is_empty() {
        return Vec::new();
    }
    let map = map();
    found.into_iter().map(|draft| map.place(draft, object)).collect()
}

/// All that there is to read, where it comes but once: standard input, a pipe.
fn unrepeatable(file: &Path) -> io::Result<Option<Arc<[u8]>>> {
    let mut text = Vec::new();
    if file == Path::new(STDIN) {
        io::stdin().lock().take(MAX_STREAM + 1).read_to_end(&mut text)?;
    } else if std::fs::metadata(file)?.is_file() {
        return Ok(None);
    } else {
        std::fs::File::open(file)?.take(MAX_STREAM + 1).read_to_end(&mut text)?;
    }
    if text.len() as u64 > MAX_STREAM {
        return Err(io::Error::other(format!("there is no end after {} MiB", MAX_STREAM >> 20)));
    }
    Ok(Some(text.into()))
}

/// A file that does not hold any more what it held.
#[must_use]
pub fn changed(file: &Arc<Path>) -> Finding {
    let text = "unable to read: it was changed meanwhile".to_owned();
    broken(Trouble::Io, &ManifestError::of_file(file, text), "")
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
        Trouble::Syntax if is_indented_by_tab(text) => Some("YAML is indented by blanks, never by tabs".to_owned()),
        Trouble::Limits => Some("write it out, with fewer levels or aliases".to_owned()),
        Trouble::DuplicateKey if error.text.contains("duplicate") => {
            Some("take one of the two out: kubectl would use the last without a word".to_owned())
        }
        _ => None,
    }
}

/// Whether a line of a YAML text is indented by a tab.
fn is_indented_by_tab(text: &str) -> bool {
    let is_json = text.trim_start().starts_with(['{', '[']);
    !is_json && text.lines().any(|line| line.trim_start_matches(' ').starts_with('\t'))
}

/// The line of a reader's snippet, `7 | text`, which is there only where it is no secret.
fn excerpt(error: &ManifestError) -> Option<Excerpt> {
    let (_, line) = error.snippet.as_ref()?.lines().next()?.split_once(" | ")?;
    let start = line.char_indices().nth(error.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    let end = line[start..].chars().next().map_or(start, |c| start + c.len_utf8());
    Some(Excerpt { line: line.to_owned(), start, end })
}
