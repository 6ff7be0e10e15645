//! Manifests: files, folders and streams of YAML or JSON, read as kubectl reads them.
//!
//! Every document stands for itself: what is wrong with one is told with its place, and all others are read.

mod decode;
mod documents;
pub mod files;
pub(crate) mod locate;
mod object;
mod typeless;
mod values;

use std::fmt;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::registry::Registry;
use crate::resource::Resource;
use documents::{Document, Documents};
use locate::Last;
pub use object::{misnamed, resource, uid};
pub use values::{value, values};

/// Name under which standard input is given on a command line.
pub const STDIN: &str = "-";

/// Lists within lists, at most.
const MAX_LISTS: usize = 4;

/// Where a manifest stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestPlace {
    pub file: Arc<Path>,
    /// From 1.
    pub line: usize,
    /// Line on which its document begins, from 1.
    document: usize,
    /// Column in which its document begins, in characters, from 1.
    column: usize,
    /// The way to it through lists.
    items: Box<[usize]>,
}

impl ManifestPlace {
    /// Line on which its document begins, from 1.
    #[must_use]
    pub fn document(&self) -> usize {
        self.document
    }

    /// The way to it through lists.
    #[must_use]
    pub fn items(&self) -> &[usize] {
        &self.items
    }

    /// Line and column in the file of what stands there in the document's text; all of them from 1.
    #[must_use]
    pub fn within(&self, line: usize, column: usize) -> (usize, usize) {
        let before = if line == 1 { self.column - 1 } else { 0 };
        (self.document + line - 1, column + before)
    }
}

impl fmt::Display for ManifestPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", file_name(&self.file), self.line)
    }
}

/// A path as people are told it.
#[must_use]
pub fn file_name(file: &Path) -> String {
    if file == Path::new(STDIN) { "<stdin>".to_owned() } else { file.display().to_string() }
}

/// A resource as its manifest has it. Name and spec are not checked yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    pub place: ManifestPlace,
    pub resource: Box<Resource>,
}

/// Something that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    pub file: Arc<Path>,
    /// From 1; 0 where the error is the file's as a whole.
    pub line: usize,
    /// From 1; 0 where it is not known.
    pub column: usize,
    pub text: String,
    /// The line in question with a caret below it; left out where it may hold a secret.
    pub snippet: Option<String>,
}

impl ManifestError {
    /// A file as a whole.
    #[must_use]
    pub fn of_file(file: &Path, text: String) -> Self {
        Self { file: file.into(), line: 0, column: 0, text, snippet: None }
    }

    /// A manifest that can be read but not taken.
    #[must_use]
    pub fn at(place: &ManifestPlace, text: String) -> Self {
        Self { file: Arc::clone(&place.file), line: place.line, column: 0, text, snippet: None }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&file_name(&self.file))?;
        for number in [self.line, self.column].into_iter().take_while(|number| *number > 0) {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.text)
    }
}

impl std::error::Error for ManifestError {}

/// What a document holds.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadResult {
    Manifest(Manifest),
    Error(ManifestError),
    /// An object that is none of ours.
    Foreign,
}

/// One object as it stands in a stream, taken out of the lists around it; nothing of it is checked.
#[derive(Debug)]
pub struct ManifestObject<'t> {
    pub place: ManifestPlace,
    /// Its document's text, from where `place` counts.
    pub text: &'t str,
    pub value: Value,
}

/// Why a part of a stream holds no objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The file cannot be opened or read.
    Io,
    /// The bytes are no text.
    NotText,
    Syntax,
    DuplicateKey,
    /// Nested too deeply, or unfolding to too much.
    Limits,
    TooLarge,
}

/// What [`ManifestReader::entries`] finds.
#[derive(Debug)]
pub enum StreamPart<'t> {
    Object(ManifestObject<'t>),
    /// With the text of the document, where it is text.
    Trouble(Trouble, ManifestError, &'t str),
}

/// Reads manifests of the kinds of a registry.
#[derive(Clone, Debug)]
pub struct ManifestReader {
    registry: Arc<Registry>,
    /// Kinds whose manifests hold secrets, lower case.
    sensitive: Vec<String>,
    /// Of a key that is given twice the last value counts, once the second has been told; else nothing of the document
    /// does.
    last_key_wins: bool,
}

impl ManifestReader {
    #[must_use]
    pub fn new(registry: Arc<Registry>) -> Self {
        let sensitive = registry.kinds().iter().filter(|kind| kind.sensitive);
        let sensitive = sensitive.map(|kind| kind.names.kind.to_lowercase()).collect();
        Self { registry, sensitive, last_key_wins: false }
    }

    /// The same, but a document with a key that is given twice is read all the same: the trouble is told first, then
    /// the objects, in which the last value counts.
    #[must_use]
    pub fn with_last_key(self) -> Self {
        Self { last_key_wins: true, ..self }
    }

    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Reads a file, or standard input for `-`, one document at a time. `tell` gets the text of the
    /// document too, and says whether to go on.
    pub fn read_file(&self, file: &Arc<Path>, tell: &mut dyn FnMut(ReadResult, &str) -> bool) {
        let mut last = Last::default();
        self.entries_of_file(file, &mut |part| self.found(part, &mut last, tell));
    }

    /// Reads a stream; `file` is the name that errors are told with.
    pub fn read(&self, file: &Arc<Path>, input: impl BufRead, tell: &mut dyn FnMut(ReadResult, &str) -> bool) {
        let mut last = Last::default();
        self.entries(file, input, &mut |part| self.found(part, &mut last, tell));
    }

    fn found(&self, part: StreamPart<'_>, last: &mut Last, tell: &mut dyn FnMut(ReadResult, &str) -> bool) -> bool {
        match part {
            StreamPart::Object(entry) => {
                let text = entry.text;
                tell(object::read(&self.registry, entry, last), text)
            }
            StreamPart::Trouble(_, error, text) => tell(ReadResult::Error(error), text),
        }
    }

    /// As [`ManifestReader::read_file`], but the objects are only taken apart, not looked at.
    pub fn entries_of_file(&self, file: &Arc<Path>, tell: &mut dyn FnMut(StreamPart<'_>) -> bool) {
        if **file == *Path::new(STDIN) {
            self.entries(file, std::io::stdin().lock(), tell);
            return;
        }
        match std::fs::File::open(file) {
            Ok(open) => self.entries(file, std::io::BufReader::with_capacity(64 << 10, open), tell),
            Err(error) => {
                let error = ManifestError::of_file(file, format!("unable to read: {error}"));
                tell(StreamPart::Trouble(Trouble::Io, error, ""));
            }
        }
    }

    /// As [`ManifestReader::read`], for objects as they stand there.
    pub fn entries(&self, file: &Arc<Path>, input: impl BufRead, tell: &mut dyn FnMut(StreamPart<'_>) -> bool) {
        for document in Documents::new(input) {
            let go_on = match document {
                Ok(document) => self.entries_of(file, &document, tell),
                Err(error) => {
                    let error = ManifestError::of_file(file, format!("unable to read: {error}"));
                    tell(StreamPart::Trouble(Trouble::Io, error, ""))
                }
            };
            if !go_on {
                return;
            }
        }
    }

    fn entries_of(&self, file: &Arc<Path>, document: &Document, tell: &mut dyn FnMut(StreamPart<'_>) -> bool) -> bool {
        let broken = |line: usize, column: usize, text: String, snippet| ManifestError {
            file: Arc::clone(file),
            line,
            column,
            text,
            snippet,
        };
        if let Some((line, why)) = document.unusable {
            let trouble = if why == documents::TOO_LARGE { Trouble::TooLarge } else { Trouble::NotText };
            let error = broken(line, 0, format!("unable to read the document: {why}"), None);
            return tell(StreamPart::Trouble(trouble, error, ""));
        }
        let told = |fault: decode::DecodeError, text: String, tell: &mut dyn FnMut(StreamPart<'_>) -> bool| {
            let snippet = self.snippet(document, fault.line, fault.column);
            let error = broken(document.line + fault.line - 1, fault.column, text, snippet);
            tell(StreamPart::Trouble(fault.trouble, error, &document.text))
        };
        let values = match decode::decode(&document.text) {
            Err(fault) if fault.trouble == Trouble::DuplicateKey && self.last_key_wins => {
                let text = fault.text.clone();
                if !told(fault, text, tell) {
                    return false;
                }
                decode::decode_last(&document.text)
            }
            read => read,
        };
        let values = match values {
            Ok(values) => values,
            Err(fault) => {
                let text = format!("unable to read the document: {}", fault.text);
                return told(fault, text, tell);
            }
        };
        for decoded in values {
            let (line, column) = (document.line + decoded.line, decoded.column + 1);
            let place = ManifestPlace { file: Arc::clone(file), line, document: line, column, items: Box::default() };
            let text = document.text.get(decoded.span).unwrap_or_default();
            if !self.entries_in(&place, text, decoded.value, None, tell) {
                return false;
            }
        }
        true
    }

    /// An object, or the objects of a list. `text` is the document's.
    fn entries_in(
        &self,
        place: &ManifestPlace,
        text: &str,
        mut value: Value,
        list: Option<&object::ListKind>,
        tell: &mut dyn FnMut(StreamPart<'_>) -> bool,
    ) -> bool {
        if value.is_null() {
            return true;
        }
        if let Some(list) = list {
            list.complete(&mut value);
        }
        let Some(list) = object::ListKind::of(&self.registry, &value).filter(|_| place.items.len() < MAX_LISTS) else {
            return tell(StreamPart::Object(ManifestObject { place: place.clone(), text, value }));
        };
        // only the outermost list's entries are looked up: lists in lists are for machines
        let lines = if place.items.is_empty() { locate::item_lines(text) } else { Vec::new() };
        let items = value.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
        for (index, item) in items.into_iter().enumerate() {
            let mut way = place.items.to_vec();
            way.push(index);
            let line = lines.get(index).map_or(place.line, |line| place.document + line - 1);
            let place = ManifestPlace { line, items: way.into(), ..place.clone() };
            if !self.entries_in(&place, text, item, Some(&list), tell) {
                return false;
            }
        }
        true
    }

    /// Whether a text names a kind that holds secrets, such as another object beside the one that is looked at.
    #[must_use]
    pub fn may_hold_secrets(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        self.sensitive.iter().any(|kind| lower.contains(kind.as_str()))
    }

    /// Whether all kinds that a text names are known, and none of them holds secrets. Where none is named it may be the
    /// rest of a document that did.
    fn is_harmless(&self, text: &str) -> bool {
        let kinds = text.lines().filter_map(|line| {
            let field = line.trim_start_matches([' ', '-', '{', '\t']);
            let field = field.strip_prefix("kind").or_else(|| field.strip_prefix("\"kind\""))?;
            let value = field.trim_start().strip_prefix(':')?;
            Some(value.split('#').next().unwrap_or_default().trim_matches([' ', ',', '"', '\'', '\r', '}']))
        });
        let known = |name: &str| self.registry.kinds().iter().any(|kind| kind.names.kind == name);
        let (mut any, mut all) = (false, true);
        kinds.for_each(|name| (any, all) = (true, all && known(name)));
        any && all && !self.may_hold_secrets(text)
    }

    /// The line of a fault with a caret below it, unless the document may hold a secret.
    fn snippet(&self, document: &Document, line: usize, column: usize) -> Option<String> {
        const MOST: usize = 160;
        if !self.is_harmless(&document.text) {
            return None;
        }
        let text = document.text.lines().nth(line - 1)?.replace('\t', " ");
        if text.trim().is_empty() || text.len() > MOST || text.contains(char::is_control) {
            return None;
        }
        let number = (document.line + line - 1).to_string();
        let gap = " ".repeat(number.len());
        Some(format!("{number} | {text}\n{gap} | {}^", " ".repeat(column.saturating_sub(1).min(MOST))))
    }
}

#[cfg(test)]
mod tests;
