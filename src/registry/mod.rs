//! The registry of kinds.
//!
//! A kind is one YAML file. The files of `kinds/` are embedded; a folder given with `--kinds` adds kinds or
//! replaces them (by group and kind). Loading compiles every file and refuses all of them when anything in one
//! of them is wrong, naming file, line and column of every fault.

pub(crate) mod clash;
pub(crate) mod compile;
pub mod crd;
mod error;
pub mod file;
pub mod foreign;
pub(crate) mod format;
mod kind;
pub mod table;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

use include_dir::{Dir, include_dir};

pub use crate::derive::schema::{Schema, SchemaType, Validation};
pub use error::RegistryError;
pub use file::{ApiSection, ApiWriters, PrinterColumn};
pub use format::json_schema;
pub(crate) use format::{FileFormat, unreadable};
pub(crate) use kind::{CORE_GROUP, ColumnSource, hex, sha256};
pub use kind::{Graph, GraphWay, Kind, Names, Outdated, Reference, Relations, StoreMapping};

use crate::diagnostics::{Diagnostic, SourceText};
use crate::resource::KindIndex;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/kinds");

/// Kind files as name and text.
pub type KindFiles = Vec<(String, String)>;

/// All kinds that the program knows. The order is that of the file names: stable over restarts.
#[derive(Debug)]
pub struct Registry {
    kinds: Vec<Kind>,
    words: HashMap<String, KindIndex>,
}

impl Registry {
    /// The kinds that the binary brings along.
    pub fn embedded() -> Result<Self, RegistryError> {
        Self::from_layers(vec![embedded_files()])
    }

    /// The embedded kinds, with those of a folder (`*.yaml`, `*.yml`) added or replaced.
    pub fn load(extra: Option<&Path>) -> Result<Self, RegistryError> {
        match extra {
            Some(folder) => Self::with_files(files_of(folder)?),
            None => Self::embedded(),
        }
    }

    /// The embedded kinds, with those of these files added or replaced.
    pub fn with_files(files: KindFiles) -> Result<Self, RegistryError> {
        Self::from_layers(vec![embedded_files(), files])
    }

    /// The files of the kinds that the binary brings along.
    #[must_use]
    pub fn embedded_files() -> KindFiles {
        embedded_files()
    }

    /// The cases of these kinds, as files beside theirs.
    #[must_use]
    pub fn embedded_fixtures() -> KindFiles {
        embedded(is_fixture)
    }

    /// Only the kinds of these files, given as name and text.
    pub fn from_files(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, RegistryError> {
        Self::from_layers(vec![files.into_iter().collect()])
    }

    fn from_layers(layers: Vec<KindFiles>) -> Result<Self, RegistryError> {
        let mut problems = Vec::new();
        let mut sources: Vec<(SourceText, file::KindFile)> = Vec::new();
        for layer in layers {
            let below = sources.len();
            for (name, text) in layer {
                let source = SourceText::new(name, text);
                match format::read(&source) {
                    Err(found) => problems.extend(found),
                    Ok(file) => {
                        let replaced = sources[..below]
                            .iter()
                            .position(|(_, other)| other.group == file.group && other.kind == file.kind);
                        match replaced {
                            Some(at) => sources[at] = (source, file),
                            None => sources.push((source, file)),
                        }
                    }
                }
            }
        }
        problems.extend(foreign::expand(&mut sources));
        problems.extend(clash::find(&sources));
        let mut kinds = Vec::new();
        for (position, (source, file)) in sources.into_iter().enumerate() {
            let index = KindIndex(u16::try_from(position).unwrap_or(u16::MAX));
            match compile::compile(file, &source, index) {
                Ok(kind) => kinds.push(kind),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(RegistryError { problems });
        }
        share_tables(&mut kinds);
        let words = words(&kinds);
        Ok(Self { kinds, words })
    }

    /// All kinds, by index.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The kinds whose definitions are made from their files.
    pub fn own_kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.iter().filter(|kind| kind.foreign.is_none())
    }

    /// The kind that the ledger, and metrics, call so.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.names.label == label)
    }

    /// A kind of this registry: an index comes from [`Registry::kinds`], [`Registry::find`] or
    /// [`Registry::resolve`], and nowhere else.
    ///
    /// # Panics
    ///
    /// With an index that is not of this registry: a mistake of the program, never of its input.
    #[must_use]
    pub fn kind(&self, index: KindIndex) -> &Kind {
        &self.kinds[usize::from(index.0)]
    }

    /// Short hash over all kind files: tells whether two processes work by the same registry.
    #[must_use]
    pub fn checksum(&self) -> String {
        let folded = self.kinds.iter().fold([0_u8; 6], |mut sum, kind| {
            for (byte, digest) in sum.iter_mut().zip(kind.digest) {
                *byte ^= digest;
            }
            sum
        });
        hex(&folded)
    }

    /// The kind that a manifest means.
    #[must_use]
    pub fn find(&self, api_version: &str, kind: &str) -> Option<KindIndex> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let found = self
            .kinds
            .iter()
            .find(|known| known.names.kind == kind && known.names.group == group && known.names.version == version);
        found.map(|kind| kind.index)
    }

    /// The kind that a word on the command line means: kind, plural, singular or short name, in any case, or the
    /// CRD's full name.
    #[must_use]
    pub fn resolve(&self, word: &str) -> Option<KindIndex> {
        self.words.get(&word.to_lowercase()).copied()
    }
}

fn embedded_files() -> KindFiles {
    embedded(is_kind_file)
}

fn embedded(wanted: fn(&Path) -> bool) -> KindFiles {
    let mut files: KindFiles = EMBEDDED
        .files()
        .filter(|file| wanted(file.path()))
        .filter_map(|file| Some((format!("kinds/{}", file.path().display()), file.contents_utf8()?.to_owned())))
        .collect();
    files.sort();
    files
}

/// The kind files of a folder (`*.yaml`, `*.yml`, fixtures left out), by name; unread as yet.
pub fn files_of(folder: &Path) -> Result<KindFiles, RegistryError> {
    let files = read_folder(folder, is_kind_file)?;
    if files.is_empty() {
        let text = "holds no kind file: give the directory whose *.yaml or *.yml files are kinds".to_owned();
        return Err(RegistryError { problems: vec![Diagnostic::of_file(folder.display().to_string(), text)] });
    }
    Ok(files)
}

/// The fixtures of a folder (`*.test.yaml`, `*.test.yml`), by name; unread as yet.
pub fn fixtures_of(folder: &Path) -> Result<KindFiles, RegistryError> {
    read_folder(folder, is_fixture)
}

fn read_folder(folder: &Path, wanted: fn(&Path) -> bool) -> Result<KindFiles, RegistryError> {
    let failed = |path: &Path, error: std::io::Error| RegistryError {
        problems: vec![Diagnostic::of_file(path.display().to_string(), format!("unable to read: {error}"))],
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        if wanted(&path) {
            let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            files.push((path.display().to_string(), text));
        }
    }
    files.sort();
    Ok(files)
}

/// `*.yaml` and `*.yml`, but for the fixtures beside them.
pub(crate) fn is_kind_file(path: &Path) -> bool {
    let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    yaml && !is_fixture(path)
}

/// `*.test.yaml` and `*.test.yml`: cases of a kind, no kind.
#[must_use]
pub fn is_fixture(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}

/// Tells the tables that rows of several kinds stand in by whom.
fn share_tables(kinds: &mut [Kind]) {
    let mut by_table: HashMap<String, Vec<(KindIndex, String)>> = HashMap::new();
    for kind in &*kinds {
        by_table.entry(kind.store.table.name.clone()).or_default().push((kind.index, kind.names.label.clone()));
    }
    for kind in kinds {
        let all = by_table.get(&kind.store.table.name).map_or(&[][..], Vec::as_slice);
        kind.home = all.first().map_or(kind.index, |(first, _)| *first);
        if all.len() > 1 {
            kind.store.table.shared_with = all.iter().map(|(_, label)| label.clone()).collect();
        }
    }
}

/// Every word that stands for a kind. Kinds, plurals and singulars go before short names.
fn words(kinds: &[Kind]) -> HashMap<String, KindIndex> {
    let mut words = HashMap::new();
    for kind in kinds {
        let names = &kind.names;
        for word in [&names.kind, &names.plural, &names.singular, &names.crd(), &names.label] {
            words.entry(word.to_lowercase()).or_insert(kind.index);
        }
    }
    for kind in kinds {
        for word in &kind.names.short_names {
            words.entry(word.to_lowercase()).or_insert(kind.index);
        }
    }
    words
}
