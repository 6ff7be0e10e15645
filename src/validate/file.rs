//! One file: every object in it, judged and placed.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::admission::{Admission, label, placed, shown};
use super::facts::{FileFacts, Ids, JudgedObject};
use super::finding::{Finding, ObjectFinding};
use super::identity::{Identity, group, identify};
use super::ignore::Ignored;
use super::object::{Judged, ObjectSchema, is_generated};
use super::place::{Maps, Shown};
use super::rule::{self, ValidationRule};
use super::trouble::broken;
use super::{FieldValidation, advice, ignore};
use crate::apimachinery::field_path::FieldPath;
use crate::kube_schema::UnsupportedConstraint;
use crate::registry::{Kind, Registry};
use crate::source::manifest::{
    ManifestError, ManifestObject, ManifestPlace, ManifestReader, STDIN, StreamPart, Trouble, is_runtime,
};

/// Most bytes of what can be read but once, and so is kept.
const MAX_STREAM: u64 = 512 << 20;

/// How manifests are judged.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub fields: FieldValidation,
    /// Objects of other groups are errors.
    pub strict: bool,
    /// References to what no file defines are errors.
    pub closed: bool,
    /// Rules whose findings are not told.
    pub ignore: Vec<&'static ValidationRule>,
}

/// All kinds, compiled once; shared by all workers.
#[derive(Debug)]
pub struct Validator {
    admission: Admission,
    settings: Settings,
    ids: Ids,
}

/// What one file came to.
#[derive(Debug)]
pub struct FileReport {
    pub file: Arc<Path>,
    pub findings: Vec<Finding>,
    pub facts: FileFacts,
    pub objects: usize,
    pub skipped: BTreeMap<String, usize>,
    pub runtime: BTreeMap<String, usize>,
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
    entry: &'l ManifestObject<'l>,
    subject: JudgedObject<'l>,
    ignored: &'l Ignored,
    maps: &'l mut Maps,
    reader: &'l ManifestReader,
}

impl<'l> Look<'l> {
    #[must_use]
    pub fn subject(&self) -> &JudgedObject<'l> {
        &self.subject
    }

    #[must_use]
    pub fn place(&self) -> &'l ManifestPlace {
        &self.entry.place
    }

    /// Places what is found, without what the object is excused from.
    pub fn place_all(&mut self, mut found: Vec<ObjectFinding>) -> Vec<Finding> {
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
            facts: FileFacts::default(),
            objects: 0,
            skipped: BTreeMap::new(),
            runtime: BTreeMap::new(),
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
        Self { admission: Admission::new(registry, settings.fields), settings, ids: Ids::default() }
    }

    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.admission.registry()
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
    pub fn tells(&self, rule: &ValidationRule) -> bool {
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
            let StreamPart::Object(mut entry) = part else { return true };
            number += 1;
            let (mut object, mut unheard) = (std::mem::take(&mut entry.value), Vec::new());
            let Identity::KnownRow(index) = identify(self.registry(), &object) else { return true };
            let Some((kind, schema)) = self.admission.kind(index) else { return true };
            let ignored = ignore::read(&object, &mut unheard);
            let judged = self.admission.judge(kind, schema, &entry, &mut object);
            let Some(resource) = &judged.resource else { return true };
            let subject = JudgedObject { kind, resource, object: &object };
            tell(
                number - 1,
                &mut Look {
                    entry: &entry,
                    subject,
                    ignored: &ignored,
                    maps: &mut maps,
                    reader: self.admission.reader(),
                },
            )
        });
    }

    fn parts(&self, file: &Arc<Path>, text: Option<&[u8]>, tell: &mut dyn FnMut(StreamPart<'_>) -> bool) {
        match text {
            Some(text) => self.admission.reader().entries(file, text, tell),
            None => self.admission.reader().entries_of_file(file, tell),
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

    fn part(&self, part: StreamPart<'_>, report: &mut FileReport) {
        match part {
            StreamPart::Trouble(trouble, error, text) => {
                report.unreadable |= trouble == Trouble::Io;
                report.findings.extend(self.admission.trouble(trouble, &error, text));
            }
            StreamPart::Object(mut entry) => {
                let object = std::mem::take(&mut entry.value);
                self.entry(&entry, object, report);
            }
        }
    }

    fn entry(&self, entry: &ManifestObject<'_>, mut object: Value, report: &mut FileReport) {
        let mut found = Vec::new();
        let number = report.entries;
        report.entries += 1;
        let index = match identify(self.registry(), &object) {
            Identity::KnownRow(index) => index,
            Identity::Foreign { api_version, kind } => {
                self.foreign(&api_version, &kind, report, &mut found);
                return self.place(entry, found, None, Shown::Alone, report);
            }
            Identity::Wrong(draft) => return self.place(entry, vec![*draft], None, Shown::Alone, report),
        };
        let Some((kind, schema)) = self.admission.kind(index) else { return };
        report.objects += 1;
        let ignored = ignore::read(&object, &mut found);
        let (label, generated) = (label(kind, &object), is_generated(&object));
        let Judged { found: more, desired, resource } = self.admission.judge(kind, schema, entry, &mut object);
        found.extend(more);
        advice::check(kind, &object, desired.as_ref(), &mut found);
        report.findings.extend(unsupported(kind, schema, &entry.place));
        if let Some(resource) = &resource {
            let subject = JudgedObject { kind, resource, object: &object };
            report.facts.add_links(self.registry(), &self.ids, number, &subject);
            if !generated {
                report.facts.add_definition(&self.ids, number, &subject);
            }
        }
        found.retain(|draft| !ignored.contains_key(draft.rule.id));
        self.place(entry, found, Some(&label), shown(kind), report);
    }

    /// An object of a group that is not known here.
    fn foreign(&self, api_version: &str, name: &str, report: &mut FileReport, found: &mut Vec<ObjectFinding>) {
        if is_runtime(self.registry(), api_version, name) {
            *report.runtime.entry(name.to_owned()).or_default() += 1;
            if self.settings.strict {
                let text = format!("unable to sync {name}: it is made through orlojctl or REST");
                let help = "keep it apart from what the operator syncs, or leave --strict out".to_owned();
                found.push(ObjectFinding::new(&rule::UNKNOWN_KIND, FieldPath::of(&["kind"]), text).help(Some(help)));
            }
            return;
        }
        *report.skipped.entry(group(api_version).to_owned()).or_default() += 1;
        if self.settings.strict {
            let text = format!("unable to check {name} of {api_version}: no kind file says what it is");
            let help = "give the folder of its kind file with --kinds, or leave --strict out".to_owned();
            found.push(ObjectFinding::new(&rule::UNKNOWN_GROUP, FieldPath::of(&["apiVersion"]), text).help(Some(help)));
        }
    }

    fn place(
        &self,
        entry: &ManifestObject<'_>,
        found: Vec<ObjectFinding>,
        object: Option<&str>,
        shown: Shown,
        report: &mut FileReport,
    ) {
        let maps = &mut report.maps;
        report.findings.extend(placed(found, object, || maps.of(entry, shown, self.admission.reader())));
    }
}

/// What of a kind is not checked. Told of each of its objects, of which one is heard: so it is not worth a second
/// reading.
fn unsupported<'s>(
    kind: &'s Kind,
    schema: &'s ObjectSchema,
    place: &'s ManifestPlace,
) -> impl Iterator<Item = Finding> + 's {
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
