//! The volumes of a pod as folders, kept as fresh as a kubelet keeps them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, KeyToPath, Pod, ServiceAccountTokenProjection, Volume, VolumeProjection,
};
use serde_json::json;

use super::super::api::Api;
use super::fields;

/// What a file holds, and its mode.
#[derive(Clone, PartialEq, Eq)]
struct File {
    bytes: Vec<u8>,
    mode: u32,
    /// Readable by the container's user alone, as a token is.
    private: bool,
}

type Files = BTreeMap<String, File>;

/// Who may read the files.
#[derive(Debug, Clone, Copy)]
pub struct Owners {
    /// Whether files can be given away at all: root can.
    pub real: bool,
    pub user: u32,
    pub group: Option<u32>,
}

/// The volumes of one pod.
pub struct Volumes {
    folder: PathBuf,
    owners: Owners,
    written: BTreeMap<String, Files>,
    tokens: BTreeMap<String, (Vec<u8>, Instant)>,
    version: u32,
}

/// 0644, the default of all of them.
const MODE: i32 = 420;

impl Volumes {
    pub fn new(folder: PathBuf, owners: Owners) -> Self {
        fs::create_dir_all(&folder).expect("unable to create a folder of volumes");
        Self { folder, owners, written: BTreeMap::new(), tokens: BTreeMap::new(), version: 0 }
    }

    /// Where a volume's folder is.
    pub fn path(&self, volume: &str) -> PathBuf {
        self.folder.join(volume)
    }

    /// Writes all volumes that differ from what is there.
    ///
    /// # Errors
    /// Where something that a volume refers to is missing; the others are written nevertheless.
    pub fn refresh(&mut self, api: &Api, pod: &Pod, address: &str) -> Result<(), String> {
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
        let mut result = Ok(());
        for volume in volumes.into_iter().flatten() {
            let done = self.volume(api, pod, address, volume);
            result = result.and(done.map_err(|error| format!("volume {}: {error}", volume.name)));
        }
        result
    }

    fn volume(&mut self, api: &Api, pod: &Pod, address: &str, volume: &Volume) -> Result<(), String> {
        if volume.empty_dir.is_some() {
            let folder = self.path(&volume.name);
            if !folder.exists() {
                fs::create_dir(&folder).map_err(|error| error.to_string())?;
                self.give(&folder, 0o777, None);
            }
            return Ok(());
        }
        let files = self.files(api, pod, address, volume)?;
        if self.written.get(&volume.name) != Some(&files) {
            self.write(&volume.name, &files).map_err(|error| error.to_string())?;
            self.written.insert(volume.name.clone(), files);
        }
        Ok(())
    }

    fn files(&mut self, api: &Api, pod: &Pod, address: &str, volume: &Volume) -> Result<Files, String> {
        if let Some(secret) = &volume.secret {
            let name = secret.secret_name.as_deref().unwrap_or_default();
            let optional = secret.optional.unwrap_or(false);
            return keys(api, pod, ("secrets", name), secret.items.as_deref(), optional, secret.default_mode);
        }
        if let Some(map) = &volume.config_map {
            let optional = map.optional.unwrap_or(false);
            return keys(api, pod, ("configmaps", &map.name), map.items.as_deref(), optional, map.default_mode);
        }
        if let Some(downward) = &volume.downward_api {
            return downward_files(pod, address, downward.items.as_deref(), downward.default_mode);
        }
        let Some(projected) = &volume.projected else { return Err("of a sort that the node does not know".to_owned()) };
        let mut files = Files::new();
        for source in projected.sources.iter().flatten() {
            files.extend(self.projection(api, pod, address, (&volume.name, source), projected.default_mode)?);
        }
        Ok(files)
    }

    fn projection(
        &mut self,
        api: &Api,
        pod: &Pod,
        address: &str,
        (volume, source): (&str, &VolumeProjection),
        mode: Option<i32>,
    ) -> Result<Files, String> {
        if let Some(token) = &source.service_account_token {
            let bytes = self.token(api, pod, &format!("{volume}/{}", token.path), token)?;
            let file = File { bytes, mode: bits(mode), private: true };
            return Ok(Files::from([(token.path.clone(), file)]));
        }
        if let Some(secret) = &source.secret {
            let optional = secret.optional.unwrap_or(false);
            return keys(api, pod, ("secrets", &secret.name), secret.items.as_deref(), optional, mode);
        }
        if let Some(map) = &source.config_map {
            let optional = map.optional.unwrap_or(false);
            return keys(api, pod, ("configmaps", &map.name), map.items.as_deref(), optional, mode);
        }
        if let Some(downward) = &source.downward_api {
            return downward_files(pod, address, downward.items.as_deref(), mode);
        }
        Err("a projection of a sort that the node does not know".to_owned())
    }

    /// A token bound to the pod, renewed after four fifths of its life.
    fn token(
        &mut self,
        api: &Api,
        pod: &Pod,
        key: &str,
        wanted: &ServiceAccountTokenProjection,
    ) -> Result<Vec<u8>, String> {
        if let Some((bytes, renew)) = self.tokens.get(key)
            && Instant::now() < *renew
        {
            return Ok(bytes.clone());
        }
        let seconds = wanted.expiration_seconds.unwrap_or(3600);
        let audiences: Vec<&String> = wanted.audience.iter().collect();
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {
                "audiences": audiences, "expirationSeconds": seconds,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": fields::name(pod), "uid": fields::uid(pod)},
            },
        });
        let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/{account}/token", fields::namespace(pod));
        let answer = api.create(&path, &request).map_err(|refused| refused.message)?;
        let bytes = answer["status"]["token"].as_str().unwrap_or_default().as_bytes().to_vec();
        let life = Duration::from_secs(u64::try_from(seconds).unwrap_or(3600));
        self.tokens.insert(key.to_owned(), (bytes.clone(), Instant::now() + life * 4 / 5));
        Ok(bytes)
    }

    /// As a kubelet does: a new folder, a link `..data` that changes in one step, and links to what is behind it.
    fn write(&mut self, volume: &str, files: &Files) -> std::io::Result<()> {
        let folder = self.path(volume);
        fs::create_dir_all(&folder)?;
        self.give(&folder, 0o755, None);
        self.version += 1;
        let fresh = format!("..{}", self.version);
        for (path, file) in files {
            let target = folder.join(&fresh).join(path);
            fs::create_dir_all(target.parent().unwrap_or(&folder))?;
            fs::write(&target, &file.bytes)?;
            self.give(&target, file.mode, file.private.then_some(self.owners.user));
        }
        fs::create_dir_all(folder.join(&fresh))?;
        self.give(&folder.join(&fresh), 0o755, None);
        let data = folder.join("..data");
        let before = fs::read_link(&data).ok();
        symlink(&fresh, folder.join("..data_tmp"))?;
        fs::rename(folder.join("..data_tmp"), &data)?;
        let tops: Vec<&str> = files.keys().filter_map(|path| path.split('/').next()).collect();
        for entry in fs::read_dir(&folder)?.flatten() {
            let name = entry.file_name();
            if !name.to_string_lossy().starts_with("..") && !tops.iter().any(|top| name == *top) {
                fs::remove_file(entry.path())?;
            }
        }
        for top in tops {
            if folder.join(top).symlink_metadata().is_err() {
                symlink(Path::new("..data").join(top), folder.join(top))?;
            }
        }
        before.map_or(Ok(()), |before| fs::remove_dir_all(folder.join(before)))
    }

    /// Owner and mode. A pod's `fsGroup` may read what would else be root's alone.
    fn give(&self, path: &Path, mode: u32, user: Option<u32>) {
        let mode = match (user, self.owners.group) {
            (Some(_), None) => 0o600,
            (_, Some(_)) if path.is_dir() => mode | 0o2550,
            (_, Some(_)) => mode | 0o440,
            (None, None) => mode,
        };
        if self.owners.real {
            let user = if self.owners.group.is_some() { None } else { user };
            chown(path, Some(user.unwrap_or(0)), Some(self.owners.group.unwrap_or(0))).expect("root may");
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("unable to set a file's mode");
    }
}

fn bits(mode: Option<i32>) -> u32 {
    mode.unwrap_or(MODE).cast_unsigned()
}

/// The keys of a Secret or `ConfigMap`: all, or those that are named.
fn keys(
    api: &Api,
    pod: &Pod,
    (plural, name): (&str, &str),
    items: Option<&[KeyToPath]>,
    optional: bool,
    mode: Option<i32>,
) -> Result<Files, String> {
    let Some(mut data) = fields::data(api, pod, plural, name, optional)? else { return Ok(Files::new()) };
    let file = |bytes, mode| File { bytes, mode: bits(mode), private: false };
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        return Ok(data.into_iter().map(|(key, bytes)| (key, file(bytes, mode))).collect());
    };
    let mut files = Files::new();
    for item in items {
        match data.remove(&item.key) {
            Some(bytes) => drop(files.insert(item.path.clone(), file(bytes, item.mode.or(mode)))),
            None if optional => {}
            None => return Err(format!("{plural} \"{name}\" has no key \"{}\"", item.key)),
        }
    }
    Ok(files)
}

fn downward_files(
    pod: &Pod,
    address: &str,
    items: Option<&[DownwardAPIVolumeFile]>,
    mode: Option<i32>,
) -> Result<Files, String> {
    let mut files = Files::new();
    for item in items.into_iter().flatten() {
        let reference = item.field_ref.as_ref().ok_or("the node knows no resourceFieldRef")?;
        let bytes = fields::field(pod, address, &reference.field_path)?.into_bytes();
        files.insert(item.path.clone(), File { bytes, mode: bits(item.mode.or(mode)), private: false });
    }
    Ok(files)
}
