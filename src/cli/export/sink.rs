//! Where manifests go: a file each, or one stream.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::args::ManifestFormat;
use crate::cli::output;
use crate::registry::{Kind, hex, sha256};
use crate::resource::ObjectName;

/// Bytes of a file's name before its extension, at most: file systems take 255.
const MAX_STEM: usize = 200;

/// What became of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    New,
    /// The file is there and says the same.
    Same,
}

/// Why a manifest was not written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("unable to write {}: it is there and differs; --force overwrites it", .0.display())]
    Differs(PathBuf),
    #[error("unable to write {}: it is a symbolic link, not a file; --force replaces it", .0.display())]
    Link(PathBuf),
    #[error("unable to write {}: it is {what}, not a file", path.display())]
    NoFile { path: PathBuf, what: &'static str },
    #[error("unable to write into {}: it is {what}, not a folder", path.display())]
    NoFolder { path: PathBuf, what: &'static str },
    #[error("unable to write {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    /// Standard output.
    #[error("unable to write: {0}")]
    Stream(#[from] io::Error),
}

/// Takes manifests.
pub enum Sink {
    Stream { out: BufWriter<StdoutLock<'static>>, format: ManifestFormat, count: usize },
    Folder(Folder),
}

/// A folder of manifests, with one folder for each namespace.
pub struct Folder {
    pub root: PathBuf,
    pub format: ManifestFormat,
    pub force: bool,
}

impl Sink {
    pub fn stream(format: ManifestFormat) -> Self {
        Self::Stream { out: BufWriter::with_capacity(64 << 10, io::stdout().lock()), format, count: 0 }
    }

    /// Writes a manifest. With `private` only the user may read the file.
    pub fn write(
        &mut self,
        kind: &Kind,
        object: &ObjectName,
        manifest: &Value,
        private: bool,
    ) -> Result<Written, SinkError> {
        match self {
            Self::Folder(folder) => folder.write(kind, object, manifest, private),
            Self::Stream { out, format: ManifestFormat::Yaml, count } => {
                let line = if *count == 0 { "" } else { "---\n" };
                *count += 1;
                write!(out, "{line}{}", output::yaml_text(manifest)?)?;
                Ok(Written::New)
            }
            Self::Stream { out, format: ManifestFormat::Json, count } => {
                let before = if *count == 0 { LIST_START } else { "," };
                *count += 1;
                let text = serde_json::to_string_pretty(manifest).map_err(io::Error::from)?;
                write!(out, "{before}\n    {}", text.replace('\n', "\n    "))?;
                Ok(Written::New)
            }
        }
    }

    /// Ends the stream, so that what was written is whole.
    pub fn finish(self) -> io::Result<()> {
        let Self::Stream { mut out, format, count } = self else { return Ok(()) };
        match (format, count) {
            (ManifestFormat::Yaml, _) => {}
            (ManifestFormat::Json, 0) => write!(out, "{LIST_START}{LIST_END}")?,
            (ManifestFormat::Json, _) => write!(out, "\n  {LIST_END}")?,
        }
        out.flush()
    }
}

const LIST_START: &str = "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": [";
const LIST_END: &str = "]\n}\n";

impl Folder {
    fn write(&self, kind: &Kind, object: &ObjectName, manifest: &Value, private: bool) -> Result<Written, SinkError> {
        let text = match self.format {
            ManifestFormat::Yaml => output::yaml_text(manifest)?,
            ManifestFormat::Json => serde_json::to_string_pretty(manifest).map_err(io::Error::from)? + "\n",
        };
        let path = self.folder(&object.namespace)?.join(self.file_name(kind, object));
        let failed = |error| SinkError::File { path: path.clone(), error };
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => {
                let same = fs::read(&path).map_err(failed)? == text.as_bytes();
                let readable_by_others = found.permissions().mode() & 0o077 != 0;
                match () {
                    () if same && !(private && readable_by_others) => return Ok(Written::Same),
                    () if !same && !self.force => return Err(SinkError::Differs(path)),
                    () => {}
                }
            }
            // is replaced, not followed
            Ok(found) if found.is_symlink() && self.force => {}
            Ok(found) if found.is_symlink() => return Err(SinkError::Link(path)),
            Ok(found) => return Err(SinkError::NoFile { what: what_is(found.file_type()), path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        // beside it first: whoever reads meanwhile sees one version or the other, and a link is not written through
        let beside = path.with_extension(format!("{}.tmp", std::process::id()));
        let done = write_new(&beside, &text, private).and_then(|()| fs::rename(&beside, &path));
        if done.is_err() {
            let _ = fs::remove_file(&beside);
        }
        done.map(|()| Written::New).map_err(failed)
    }

    /// The folder of a namespace, made where it is not there. A link could lead out of the root.
    fn folder(&self, namespace: &str) -> Result<PathBuf, SinkError> {
        let path = self.root.join(namespace);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => Ok(path),
            Ok(found) => Err(SinkError::NoFolder { what: what_is(found.file_type()), path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::create_dir(&path) {
                Ok(()) => Ok(path),
                Err(error) => Err(SinkError::File { path, error }),
            },
            Err(error) => Err(SinkError::File { path, error }),
        }
    }

    /// The names that Kubernetes takes are fit for files; one that is too long is cut, and told from others by a hash.
    fn file_name(&self, kind: &Kind, object: &ObjectName) -> String {
        let extension = match self.format {
            ManifestFormat::Yaml => "yaml",
            ManifestFormat::Json => "json",
        };
        let stem = format!("{}-{}", kind.names.singular, object.name);
        if stem.len() <= MAX_STEM {
            return format!("{stem}.{extension}");
        }
        let hash = hex(&sha256(stem.as_bytes())[..8]);
        let start: String = stem.chars().take(MAX_STEM - hash.len() - 1).collect();
        format!("{start}-{hash}.{extension}")
    }
}

fn what_is(kind: FileType) -> &'static str {
    match () {
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_file() => "a file",
        () => "a device",
    }
}

fn write_new(path: &Path, text: &str, private: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if private {
        options.mode(0o600);
    }
    let mut file: File = options.open(path)?;
    file.write_all(text.as_bytes())
}
