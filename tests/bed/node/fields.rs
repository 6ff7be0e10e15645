//! What a pod may refer to: its own fields, Secrets and `ConfigMaps`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use super::super::api::Api;

pub fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}

pub fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

pub fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

/// A field as the downward API gives it.
pub fn field(pod: &Pod, address: &str, path: &str) -> Result<String, String> {
    let spec = pod.spec.as_ref();
    let text = match path {
        "metadata.name" => Some(name(pod).to_owned()),
        "metadata.namespace" => Some(namespace(pod).to_owned()),
        "metadata.uid" => Some(uid(pod).to_owned()),
        "spec.nodeName" => spec.and_then(|spec| spec.node_name.clone()),
        "spec.serviceAccountName" => spec.and_then(|spec| spec.service_account_name.clone()),
        "status.podIP" => Some(address.to_owned()),
        "status.hostIP" => Some(super::HOST.to_owned()),
        _ => keyed(pod, path),
    };
    text.ok_or_else(|| format!("the node knows no field {path}"))
}

/// `metadata.labels['x']` and `metadata.annotations['x']`; a key that is not there is empty.
fn keyed(pod: &Pod, path: &str) -> Option<String> {
    let (map, key) = path.split_once("['")?;
    let key = key.strip_suffix("']")?;
    let map = match map {
        "metadata.labels" => &pod.metadata.labels,
        "metadata.annotations" => &pod.metadata.annotations,
        _ => return None,
    };
    Some(map.as_ref().and_then(|map| map.get(key)).cloned().unwrap_or_default())
}

/// Key to bytes of a Secret (`secrets`) or `ConfigMap` (`configmaps`); none where it may be missing, and is.
pub fn data(
    api: &Api,
    pod: &Pod,
    plural: &str,
    name: &str,
    optional: bool,
) -> Result<Option<BTreeMap<String, Vec<u8>>>, String> {
    let object = match api.get(&format!("/api/v1/namespaces/{}/{plural}/{name}", namespace(pod))) {
        Ok(object) => object,
        Err(refused) if refused.code == 404 && optional => return Ok(None),
        Err(refused) => return Err(refused.message),
    };
    let entries = |field: &str| object[field].as_object().cloned().unwrap_or_default();
    let plain = |value: &Value| value.as_str().unwrap_or_default().as_bytes().to_vec();
    let decoded = |value: &Value| STANDARD.decode(plain(value)).map_err(|error| error.to_string());
    let mut data = BTreeMap::new();
    for (key, value) in entries("data") {
        data.insert(key, if plural == "secrets" { decoded(&value)? } else { plain(&value) });
    }
    for (key, value) in entries("binaryData") {
        data.insert(key, decoded(&value)?);
    }
    Ok(Some(data))
}
