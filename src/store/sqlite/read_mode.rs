//! How to read a file without changing it or what stands beside it.
//!
//! A file in write-ahead mode has a log (`-wal`) and the log's index (`-shm`) beside it while anybody has it open.
//! Whoever opens it makes them where they are not there; whoever closes it last, and may write, brings what the log
//! holds into the file and removes both. None of that is to be left behind by somebody who only reads.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::unistd::{AccessFlags, access};

use super::super::StoreError;

/// Mode to open a file in that is only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadMode {
    /// By a read-only handle. The log, with what it holds, is read and stays as it is; its index is made where it is
    /// not there, and stays: SQLite cannot read a log without.
    ReadOnly,
    /// By a handle that could write and does not. Where there is no log a read-only handle leaves an empty one behind;
    /// this one takes away what it made.
    ReadOnlyCleanup,
    /// As a file that nobody changes (`immutable`): no log, no index, no lock. Only where log and index cannot be made,
    /// so that SQLite would not read it otherwise: the file or its folder cannot be written, and no log holds anything
    /// that would be missed. That somebody else who may write does so meanwhile cannot be ruled out, and SQLite would
    /// not notice: see [`ImmutableFile`].
    Immutable,
}

/// File at a path, and how to read it.
#[derive(Debug)]
pub(super) enum FoundFile {
    /// No file; a store can be made there.
    Absent,
    Store(ReadMode, Option<ImmutableFile>),
}

/// A file as it was when it was opened in [`ReadMode::Immutable`].
#[derive(Clone, Debug)]
pub(super) struct ImmutableFile {
    path: PathBuf,
    len: u64,
    modified: Option<SystemTime>,
}

impl ImmutableFile {
    fn of(path: &Path, found: &Metadata) -> Self {
        Self { path: path.to_owned(), len: found.len(), modified: found.modified().ok() }
    }

    /// To be asked after each read: what was read of a file that changes is of no use.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let same = fs::metadata(&self.path)
            .is_ok_and(|found| found.len() == self.len && found.modified().ok() == self.modified);
        if same && !holds_something(&self.path) {
            return Ok(());
        }
        Err(StoreError::Unavailable { detail: format!("{} was written while it was read", self.path.display()) })
    }
}

/// To be asked before SQLite opens the file: closing any handle of it takes this process' locks off it.
pub(super) fn inspect_file(path: &Path) -> Result<FoundFile, StoreError> {
    let failed = |path: &Path, error: &io::Error| StoreError::Setup { detail: format!("{}: {error}", path.display()) };
    let found = match fs::metadata(path) {
        Ok(found) if found.is_file() => found,
        Ok(_) => return Err(StoreError::Setup { detail: format!("{} is not a file", path.display()) }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // a sync would make the file and not the folder
            let folder = folder_of(path);
            fs::metadata(folder).map_err(|error| failed(folder, &error))?;
            return Ok(FoundFile::Absent);
        }
        Err(error) => return Err(failed(path, &error)),
    };
    if !is_write_ahead(path).map_err(|error| failed(path, &error))? || holds_something(path) {
        return Ok(FoundFile::Store(ReadMode::ReadOnly, None));
    }
    let may_write = |path: &Path| access(path, AccessFlags::W_OK).is_ok();
    if !may_write(path) || !may_write(folder_of(path)) {
        return Ok(FoundFile::Store(ReadMode::Immutable, Some(ImmutableFile::of(path, &found))));
    }
    // an empty log is somebody else's
    let mode = if log_of(path).exists() { ReadMode::ReadOnly } else { ReadMode::ReadOnlyCleanup };
    Ok(FoundFile::Store(mode, None))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

fn holds_something(path: &Path) -> bool {
    fs::metadata(log_of(path)).is_ok_and(|log| log.len() > 0)
}

/// The mode is part of the file: bytes 18 and 19, its format's version for writing and for reading.
fn is_write_ahead(path: &Path) -> io::Result<bool> {
    let mut start = Vec::with_capacity(20);
    File::open(path)?.take(20).read_to_end(&mut start)?;
    Ok(start.ends_with(&[2, 2]) && start.len() == 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> ReadMode {
        match inspect_file(path).unwrap() {
            FoundFile::Store(mode, _) => mode,
            FoundFile::Absent => panic!("it is there"),
        }
    }

    #[test]
    fn the_mode_depends_on_journal_and_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        assert!(matches!(inspect_file(&path).unwrap(), FoundFile::Absent));
        fs::write(&path, "").unwrap();
        assert_eq!(mode_of(&path), ReadMode::ReadOnly);
        let header = |version: u8| [&b"SQLite format 3\0\x10\0"[..], &[version, version], b"rest"].concat();
        fs::write(&path, header(1)).unwrap();
        assert_eq!(mode_of(&path), ReadMode::ReadOnly);
        fs::write(&path, header(2)).unwrap();
        assert_eq!(mode_of(&path), ReadMode::ReadOnlyCleanup);
        fs::write(log_of(&path), "").unwrap();
        assert_eq!(mode_of(&path), ReadMode::ReadOnly);
        fs::write(log_of(&path), "log").unwrap();
        assert_eq!(mode_of(&path), ReadMode::ReadOnly);
    }

    #[test]
    fn what_is_no_place_for_a_store_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for (path, part) in [("none/x.db", "none: No such file"), (".", "is not a file")] {
            let error = inspect_file(&folder.path().join(path)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_file_that_was_written_is_no_longer_still() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        fs::write(&path, "x").unwrap();
        let immutable = ImmutableFile::of(&path, &path.metadata().unwrap());
        immutable.check().unwrap();
        fs::write(log_of(&path), "log").unwrap();
        assert!(immutable.check().unwrap_err().to_string().contains("was written while it was read"));
        fs::remove_file(log_of(&path)).unwrap();
        immutable.check().unwrap();
        fs::write(&path, "xy").unwrap();
        immutable.check().unwrap_err();
    }
}
