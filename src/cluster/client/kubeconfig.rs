//! Kubeconfig files, found, read and merged as kubectl does it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use http::Uri;
use kube::Config;
use kube::config::{AuthInfo, Cluster, Context, ExecAuthCluster, Kubeconfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value};

use super::{ClientError, proxy};
use crate::go_compat::base64;

/// What tells a process that it runs in a pod.
const IN_POD: &str = "KUBERNETES_SERVICE_HOST";

/// The configuration that kubectl would use: of the given file; of the files in `KUBECONFIG`, those that are there, or of
/// `~/.kube/config`; of the pod's own account where these say nothing.
pub fn infer(given: Option<&Path>) -> Result<Config, ClientError> {
    let paths =
        given.map_or_else(|| candidates(std::env::var_os("KUBECONFIG").as_deref()), |path| vec![path.to_owned()]);
    let mut merged = Kubeconfig::default();
    for path in &paths {
        let failed = |detail| ClientError::Kubeconfig { path: path.display().to_string(), detail };
        if given.is_none() && !path.exists() {
            continue;
        }
        let next = read(path).map_err(failed)?;
        merged = merged.merge(next).map_err(|error| failed(error.to_string()))?;
    }
    if merged.current_context.is_none() && given.is_none() && std::env::var_os(IN_POD).is_some() {
        return Config::incluster().map_err(|error| ClientError::NoCluster(error.to_string()));
    }
    let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
    if given.is_none() && !paths.iter().any(|path| path.exists()) {
        return Err(ClientError::NoCluster(format!("there is no {names}")));
    }
    config(merged).map_err(|detail| ClientError::Kubeconfig { path: names, detail })
}

fn candidates(listed: Option<&OsStr>) -> Vec<PathBuf> {
    let listed: Vec<_> = listed.iter().flat_map(std::env::split_paths).filter(|p| !p.as_os_str().is_empty()).collect();
    if !listed.is_empty() {
        return listed;
    }
    std::env::home_dir().into_iter().map(|home| home.join(".kube").join("config")).collect()
}

fn read(path: &Path) -> Result<Kubeconfig, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let text = decode(&bytes).ok_or("it is neither UTF-8 nor UTF-16")?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut kubeconfig = parse(&text)?;
    make_absolute(&mut kubeconfig, folder);
    Ok(kubeconfig)
}

/// The text of a file; Windows' shells write UTF-16.
fn decode(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units = bytes.chunks(2).map(|pair| Some(read(pair.try_into().ok()?))).collect::<Option<Vec<_>>>()?;
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] | rest => String::from_utf8(rest.to_vec()).ok(),
    }
}

/// The parser's own text quotes the file, and with it a token or a key: only the place is told, and a reason of ours.
fn parse(text: &str) -> Result<Kubeconfig, String> {
    // `y` is a name as good as any
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options).map_err(|fault| {
        let (line, column) = fault.location().map_or((1, 1), |at| (at.line(), at.column()));
        format!("line {line}, column {column}: this is not valid YAML, or not a kubeconfig")
    })?;
    let mut merged = Kubeconfig::default();
    for document in documents {
        if document.is_null() {
            continue;
        }
        let next = serde_json::from_value(tidy(document)).map_err(|error| misshapen(text, &error))?;
        merged = merged.merge(next).map_err(|error| error.to_string())?;
    }
    Ok(merged)
}

/// What is said of a document of another shape; serde's text may quote a value.
fn misshapen(text: &str, error: &serde_json::Error) -> String {
    let place = serde_saphyr::from_str::<Kubeconfig>(text).err();
    let place =
        place.and_then(|fault| fault.location().map(|at| format!("line {}, column {}: ", at.line(), at.column())));
    format!("{}it is not a kubeconfig: {}", place.unwrap_or_default(), without_values(&error.to_string()))
}

/// serde's text from where it says what it wanted.
fn without_values(text: &str) -> &str {
    text.find("expected").map_or_else(|| if text.starts_with("missing field") { text } else { "" }, |at| &text[at..])
}

/// What is empty is not given; base64 may have line breaks; a context needs no cluster to be one.
fn tidy(mut document: Value) -> Value {
    let Some(top) = document.as_object_mut() else { return document };
    drop_empty(top);
    for (list, part) in [("clusters", "cluster"), ("users", "user"), ("contexts", "context")] {
        for entry in top.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(fields) = entry.get_mut(part).and_then(Value::as_object_mut) else { continue };
            drop_empty(fields);
            for (_, value) in fields.iter_mut().filter(|(name, _)| name.ends_with("-data")) {
                if let Value::String(data) = value {
                    data.retain(|c| !c.is_ascii_whitespace());
                }
            }
            for plugin in ["exec", "auth-provider"] {
                if let Some(fields) = fields.get_mut(plugin).and_then(Value::as_object_mut) {
                    fields.retain(|_, value| !value.is_null());
                }
            }
            if part == "context" {
                fields.entry("cluster").or_insert_with(|| "".into());
            }
        }
    }
    document
}

fn drop_empty(fields: &mut Map<String, Value>) {
    fields.retain(|_, value| !value.is_null() && value != "");
}

/// Relative paths are those of the file's folder; a command without a slash is looked for in PATH.
fn make_absolute(kubeconfig: &mut Kubeconfig, folder: &Path) {
    let absolute = |path: &mut Option<String>| {
        if let Some(path) = path {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
    };
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        absolute(&mut cluster.certificate_authority);
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        absolute(&mut user.client_certificate);
        absolute(&mut user.client_key);
        absolute(&mut user.token_file);
        if let Some(exec) = user.exec.as_mut().filter(|exec| exec.command.iter().any(|command| command.contains('/'))) {
            absolute(&mut exec.command);
        }
    }
}

fn config(kubeconfig: Kubeconfig) -> Result<Config, String> {
    let Parts { context, cluster, mut user } = chosen(kubeconfig)?;
    if let Some(exec) = user.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
        exec.cluster = Some(ExecAuthCluster::try_from(&cluster).map_err(|error| error.to_string())?);
    }
    let secure = authority(&cluster).is_some() || cluster.insecure_skip_tls_verify.unwrap_or_default();
    let server = cluster.server.as_deref().ok_or_else(|| format!("its cluster {:?} has no server", context.cluster))?;
    let mut config = Config::new(server_url(server, secure)?);
    config.proxy_url =
        proxy::choose(&config.cluster_url, cluster.proxy_url.as_deref(), |name| std::env::var(name).ok())?;
    config.root_cert = authority(&cluster).map(|given| certificates(&given)).transpose()?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or_default();
    config.disable_compression = cluster.disable_compression.unwrap_or_default();
    config.tls_server_name = cluster.tls_server_name;
    config.default_namespace = context.namespace.unwrap_or_else(|| "default".to_owned());
    // as with kubectl, nobody's credentials travel in the clear
    if config.cluster_url.scheme_str() == Some("https") {
        config.auth_info = user;
    }
    Ok(config)
}

/// What the current context is made of.
struct Parts {
    context: Context,
    cluster: Cluster,
    user: AuthInfo,
}

fn chosen(kubeconfig: Kubeconfig) -> Result<Parts, String> {
    let name = kubeconfig.current_context.ok_or("it has no current-context; `kubectl config use-context` sets it")?;
    let context = kubeconfig.contexts.into_iter().find(|named| named.name == name).and_then(|named| named.context);
    let context = context.ok_or_else(|| format!("its current-context {name:?} is none of its contexts"))?;
    let cluster = kubeconfig.clusters.into_iter().find(|named| named.name == context.cluster);
    let cluster = cluster.and_then(|named| named.cluster);
    let cluster =
        cluster.ok_or_else(|| format!("the cluster {:?} of its context {name:?} is not in it", context.cluster))?;
    // as with kubectl, a user that is not there is nobody
    let user = kubeconfig.auth_infos.into_iter().find(|named| Some(&named.name) == context.user.as_ref());
    Ok(Parts { user: user.and_then(|named| named.auth_info).unwrap_or_default(), context, cluster })
}

/// A server may be `host:port` alone: HTTPS where something is said of certificates, else HTTP.
fn server_url(server: &str, secure: bool) -> Result<Uri, String> {
    let server = server.trim();
    let url = if server.contains("://") {
        server.to_owned()
    } else {
        format!("{}://{server}", if secure { "https" } else { "http" })
    };
    let wrong = |why: &str| format!("its server {server:?} is not a URL, as https://host:port is one: {why}");
    let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        _ => Err(wrong("it has to begin with http:// or https:// and a host")),
    }
}

/// Where a certificate authority is: in the kubeconfig itself, before one in a file.
fn authority(cluster: &Cluster) -> Option<Given<'_>> {
    let data = cluster.certificate_authority_data.as_deref().map(Given::Data);
    data.or(cluster.certificate_authority.as_deref().map(Given::File))
}

enum Given<'a> {
    Data(&'a str),
    File(&'a str),
}

fn certificates(given: &Given<'_>) -> Result<Vec<Vec<u8>>, String> {
    let (pem, place) = match given {
        Given::Data(data) => {
            (base64::decode(data).ok_or("its certificate-authority-data is not base64")?, "certificate-authority-data")
        }
        Given::File(path) => {
            let read = std::fs::read(path);
            (read.map_err(|error| format!("unable to read the certificate-authority {path}: {error}"))?, *path)
        }
    };
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&pem).map(|found| found.map(|der| der.to_vec())).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("there is no certificate in its certificate authority ({place})")),
        Err(error) => Err(format!("its certificate authority ({place}) cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests;
