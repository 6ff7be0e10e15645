//! Folders under the system's temp dir, one root a test process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::proc_info;

/// Every child carries the root's path in this variable, so that a later run can tell its
/// predecessor's children from anybody else's.
pub const MARK: &str = "ORLOJ_BED_ROOT";
const PREFIX: &str = "orloj-bed-";

/// A folder that is removed on drop.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new empty folder, readable by this user only.
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = root().join(format!("{name}-{number}"));
        fs::create_dir(&path).expect("unable to create a scratch folder");
        set_mode(&path, 0o700);
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file that only this user may read, and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("unable to write a scratch file");
        set_mode(&path, 0o600);
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("unable to set a file's mode");
}

/// The root of this process. The first call also removes what dead processes left behind.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        remove_stale();
        let pid = std::process::id();
        let started = proc_info::start_ticks(pid).expect("this process is in /proc");
        let path = std::env::temp_dir().join(format!("{PREFIX}{pid}-{started}"));
        fs::create_dir(&path).expect("unable to create the bed's root folder");
        // Others may pass through (Postgres runs as another user) but not look around.
        set_mode(&path, 0o711);
        path
    })
}

/// Removes the folders of dead processes, and kills what still runs of theirs.
pub fn remove_stale() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if owner_is_dead(&path) {
            // Most died with their owner; one that was stopped or changed its user may not have.
            proc_info::kill_marked(MARK, path.as_os_str());
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn owner_is_dead(path: &Path) -> bool {
    let owner = path
        .file_name()
        .and_then(|name| name.to_str()?.strip_prefix(PREFIX)?.split_once('-'))
        .and_then(|(pid, started)| Some((pid.parse::<u32>().ok()?, started.parse::<u64>().ok()?)));
    // The start time tells a reused pid from the owner.
    owner.is_some_and(|(pid, started)| proc_info::start_ticks(pid) != Some(started))
}
