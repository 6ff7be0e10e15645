//! A container as a local process: its command, arguments, environment, user and mounts, as its pod declares them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, process};

use k8s_openapi::api::core::v1::{Container, EnvVar, Pod, PodSpec};
use serde_json::{Value, json};

use super::fields::{self, data};
use super::volumes::{Owners, Volumes};
use super::{Shared, image};
use crate::bed::process::Process;
use crate::bed::spec::Spec;

const SANDBOX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bed/node/sandbox.py");

/// What a container needs of its pod.
pub struct Setup<'a> {
    pub shared: &'a Shared,
    pub pod: &'a Pod,
    pub volumes: &'a Volumes,
    pub folder: PathBuf,
    pub address: &'a str,
    pub log: PathBuf,
}

/// The spec of a pod that the API server has accepted.
pub fn pod_spec(pod: &Pod) -> &PodSpec {
    pod.spec.as_ref().expect("every pod has a spec")
}

/// The pod's only container; the node runs no others.
pub fn only(pod: &Pod) -> Result<&Container, String> {
    let spec = pod_spec(pod);
    match spec.containers.as_slice() {
        [container] if spec.init_containers.as_ref().is_none_or(Vec::is_empty) => Ok(container),
        _ => Err("this node runs pods of one container only".to_owned()),
    }
}

/// By whom the pod's files are read.
pub fn owners(pod: &Pod) -> Owners {
    let group = pod_spec(pod).security_context.as_ref().and_then(|context| context.fs_group);
    let group = group.and_then(|group| u32::try_from(group).ok());
    Owners { real: nix::unistd::geteuid().is_root(), user: user(pod), group }
}

fn user(pod: &Pod) -> u32 {
    let own = only(pod).ok().and_then(|container| container.security_context.as_ref()?.run_as_user);
    let user = own.or_else(|| pod_spec(pod).security_context.as_ref()?.run_as_user);
    user.and_then(|user| u32::try_from(user).ok()).unwrap_or_else(|| image::user().0)
}

/// Where probes come in.
pub fn door(folder: &std::path::Path) -> PathBuf {
    folder.join("door")
}

impl Setup<'_> {
    /// Starts it.
    ///
    /// # Errors
    /// Where something that it refers to is missing: reason and message, as a kubelet would report them.
    pub fn start(&self) -> Result<Arc<Process>, (String, String)> {
        let container = only(self.pod).map_err(|error| ("CreateContainerError".to_owned(), error))?;
        let image = &self.shared.image;
        if container.image.as_deref() != Some(&image.name) {
            let name = container.image.as_deref().unwrap_or_default();
            return Err(("ErrImagePull".to_owned(), format!("the node has {}, not {name}", image.name)));
        }
        let spec = self.sandbox(container).map_err(|error| ("CreateContainerConfigError".to_owned(), error))?;
        let file = self.folder.join("sandbox.json");
        fs::create_dir_all(self.folder.join("root")).expect("unable to create a folder");
        fs::write(&file, spec.to_string()).expect("unable to write a file");
        let started = Process::start(&Spec::new("python3", &self.log).args([SANDBOX.into(), file]));
        started.map(Arc::new).map_err(|error| ("CreateContainerError".to_owned(), error.to_string()))
    }

    fn sandbox(&self, container: &Container) -> Result<Value, String> {
        let env = self.environment(container)?;
        let expand = |words: &Option<Vec<String>>| words.iter().flatten().map(|word| expanded(word, &env)).collect();
        let (command, args): (Vec<String>, Vec<String>) = (expand(&container.command), expand(&container.args));
        let words = [if command.is_empty() { image::entry_point() } else { command }, args].concat();
        let context = container.security_context.clone().unwrap_or_default();
        let of_pod = pod_spec(self.pod).security_context.clone().unwrap_or_default();
        let owners = owners(self.pod);
        if context.run_as_non_root.or(of_pod.run_as_non_root) == Some(true) && owners.user == 0 {
            return Err("container has runAsNonRoot and image will run as root".to_owned());
        }
        // As the image's list of users says: root's group for those it does not know.
        let group = if owners.user == image::user().0 { i64::from(image::user().1) } else { 0 };
        let more = of_pod.supplemental_groups.unwrap_or_default();
        let groups: Vec<i64> = owners.group.map(i64::from).into_iter().chain(more).collect();
        let name = fields::name(self.pod);
        Ok(json!({
            "root": self.folder.join("root"),
            "image": self.shared.image.parts(),
            "files": {
                "/etc/hosts": format!("127.0.0.1 localhost\n{} {name}\n", self.address),
                "/etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
                "/etc/group": "root:x:0:\nnonroot:x:65532:\n",
                "/etc/nsswitch.conf": "hosts: files dns\n",
                "/etc/resolv.conf": "",
            },
            "mounts": self.mounts(container)?,
            "readOnlyRoot": context.read_only_root_filesystem.unwrap_or(false),
            "folder": container.working_dir.as_deref().unwrap_or("/"),
            "realUsers": owners.real,
            "user": owners.user,
            "group": context.run_as_group.or(of_pod.run_as_group).unwrap_or(group),
            "groups": groups,
            "noNewPrivileges": context.allow_privilege_escalation == Some(false),
            "argv": words,
            "env": env,
            "hostname": name,
            "address": self.address,
            "relays": self.shared.relays,
            "door": door(&self.folder),
        }))
    }

    fn mounts(&self, container: &Container) -> Result<Vec<Value>, String> {
        let mut mounts = Vec::new();
        for mount in container.volume_mounts.iter().flatten() {
            let volume = self.volumes.path(&mount.name);
            let source = mount.sub_path.as_ref().map_or(volume.clone(), |part| volume.join(part));
            if !source.exists() {
                return Err(format!("{} is not in volume {}", source.display(), mount.name));
            }
            // What comes from the API is read-only either way.
            let scratch =
                pod_spec(self.pod).volumes.iter().flatten().any(|v| v.name == mount.name && v.empty_dir.is_some());
            let writable = scratch && !mount.read_only.unwrap_or(false);
            mounts.push(json!({"source": source, "target": mount.mount_path, "writable": writable}));
        }
        Ok(mounts)
    }

    /// The environment: of services, of `envFrom`, of `env`, the later winning.
    fn environment(&self, container: &Container) -> Result<BTreeMap<String, String>, String> {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let mut env = BTreeMap::from([("PATH".to_owned(), path.to_owned())]);
        env.insert("HOSTNAME".to_owned(), fields::name(self.pod).to_owned());
        env.extend(self.service_links()?);
        for source in container.env_from.iter().flatten() {
            let secret = source.secret_ref.as_ref().map(|it| ("secrets", &it.name, it.optional));
            let map = source.config_map_ref.as_ref().map(|it| ("configmaps", &it.name, it.optional));
            let Some((plural, name, optional)) = secret.or(map) else { continue };
            let data = data(&self.shared.api, self.pod, plural, name, optional.unwrap_or(false))?;
            let prefix = source.prefix.clone().unwrap_or_default();
            env.extend(data.unwrap_or_default().into_iter().map(|(key, value)| (prefix.clone() + &key, text(&value))));
        }
        for variable in container.env.iter().flatten() {
            if let Some(value) = self.variable(variable, &env)? {
                env.insert(variable.name.clone(), value);
            }
        }
        // By these the bed finds what it must kill; they would be there without a node too.
        env.insert(crate::bed::scratch::MARK.to_owned(), crate::bed::scratch::root().display().to_string());
        Ok(env)
    }

    fn variable(&self, variable: &EnvVar, env: &BTreeMap<String, String>) -> Result<Option<String>, String> {
        let Some(from) = &variable.value_from else {
            return Ok(Some(expanded(variable.value.as_deref().unwrap_or_default(), env)));
        };
        if let Some(reference) = &from.field_ref {
            return fields::field(self.pod, self.address, &reference.field_path).map(Some);
        }
        let secret = from.secret_key_ref.as_ref().map(|it| ("secrets", &it.name, &it.key, it.optional));
        let map = from.config_map_key_ref.as_ref().map(|it| ("configmaps", &it.name, &it.key, it.optional));
        let Some((plural, name, key, optional)) = secret.or(map) else {
            return Err(format!("variable {}: of a sort that the node does not know", variable.name));
        };
        let optional = optional.unwrap_or(false);
        let data = data(&self.shared.api, self.pod, plural, name, optional)?;
        match data.and_then(|data| data.get(key).map(|value| text(value))) {
            None if !optional => Err(format!("{plural} \"{name}\" has no key \"{key}\"")),
            value => Ok(value),
        }
    }

    /// Where services are: always of `kubernetes`, and with `enableServiceLinks` of those in the pod's namespace.
    fn service_links(&self) -> Result<BTreeMap<String, String>, String> {
        let mut env = BTreeMap::new();
        let mut add = |service: &Value| {
            let name = service["metadata"]["name"].as_str().unwrap_or_default().to_uppercase().replace('-', "_");
            let (host, port) = (&service["spec"]["clusterIP"], &service["spec"]["ports"][0]["port"]);
            if let (Some(host), Some(port)) = (host.as_str().filter(|host| *host != "None"), port.as_i64()) {
                env.insert(format!("{name}_SERVICE_HOST"), host.to_owned());
                env.insert(format!("{name}_SERVICE_PORT"), port.to_string());
                env.insert(format!("{name}_PORT"), format!("tcp://{host}:{port}"));
                env.insert(format!("{name}_PORT_{port}_TCP_ADDR"), host.to_owned());
            }
        };
        let api = &self.shared.api;
        if pod_spec(self.pod).enable_service_links.unwrap_or(true) {
            let path = format!("/api/v1/namespaces/{}/services", fields::namespace(self.pod));
            let services = api.get(&path).map_err(|refused| refused.message)?;
            services["items"].as_array().into_iter().flatten().for_each(&mut add);
        }
        add(&self.shared.kubernetes);
        Ok(env)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `$(NAME)` becomes the variable's value, `$$(NAME)` stays as `$(NAME)`; what is not known stays as it is.
fn expanded(word: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            out.push_str(&env.get(name).cloned().unwrap_or_else(|| format!("$({name})")));
            rest = after;
        } else {
            out.push('$');
        }
    }
    out + rest
}

/// The process of the container itself: the sandbox's only child.
pub fn inner(process: &Process) -> Option<u32> {
    crate::bed::proc_info::descendants(process.pid()).first().copied().filter(|pid| *pid != process::id())
}
