//! Bodies of requests, as objects.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::go_compat::quote::quote;
use crate::registry::{Kind, Registry};
use crate::resource::Resource;
use crate::source::manifest;

/// Most bytes of a body.
pub const MAX_BYTES: usize = 4 << 20;

/// Media types that are read; all of them are told apart by content, not by name.
const MEDIA_TYPES: [&str; 4] = ["application/json", "application/yaml", "application/x-yaml", "text/yaml"];

/// Object as somebody submitted it.
#[derive(Debug)]
pub struct Submitted {
    pub resource: Resource,
    pub counters: Counters,
    /// As given; an object.
    pub status: Value,
}

/// Counters that a body names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Trimmed; `""` where there is none.
    pub resource_version: String,
    /// 0 where there is none.
    pub generation: i64,
    /// `""` where there is none.
    pub created_at: String,
}

/// Refuses what no client of this API sends, a form that a browser sends unasked above all.
pub fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = given.to_str().unwrap_or_default();
    let name = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let vendors_json = name.starts_with("application/") && name.ends_with("+json");
    if name.is_empty() || vendors_json || MEDIA_TYPES.contains(&name.as_str()) {
        return Ok(());
    }
    let text = format!("unsupported Content-Type {}: send application/json or application/yaml", quote(&name));
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
}

/// A body, whole.
pub async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    let bytes = to_bytes(body, MAX_BYTES).await.map_err(|_| {
        Refusal::invalid(format!("failed to read request body: it broke off, or has more than {MAX_BYTES} bytes"))
    })?;
    Ok(bytes.into())
}

/// An object of a kind.
pub fn object(registry: &Registry, kind: &Kind, bytes: &[u8]) -> Result<Submitted, Refusal> {
    let unreadable = |why: String| Refusal::invalid(format!("failed to read the {}: {why}", kind.names.kind));
    let mut value = manifest::value(bytes).map_err(unreadable)?;
    if value.is_null() {
        value = Value::Object(Map::new());
    }
    let counters = Counters::of(&value)?;
    let status = status(value.get("status"))?;
    if let Some(object) = value.as_object_mut() {
        for (field, expected) in [("apiVersion", kind.names.api_version()), ("kind", kind.names.kind.clone())] {
            let given = object.entry(field).or_insert(Value::Null);
            if given.is_null() || given.as_str() == Some("") {
                *given = expected.clone().into();
            }
            if given.as_str() != Some(&expected) {
                let given = given.as_str().map_or_else(|| given.to_string(), quote);
                return Err(Refusal::invalid(format!("unsupported {field} {given} for {}", kind.names.kind)));
            }
        }
    }
    let resource = manifest::resource(registry, value).map_err(Refusal::invalid)?;
    let resource = resource.ok_or_else(|| unreadable("it is of no kind that is served".to_owned()))?;
    Ok(Submitted { resource: *resource, counters, status })
}

/// The body of a status: JSON alone, with a version in its metadata.
pub fn status_update(bytes: &[u8]) -> Result<(Counters, Value), Refusal> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        Refusal::invalid(format!("failed to read the status: it is no JSON (line {})", error.line().max(1)))
    })?;
    if !value.is_object() {
        return Err(Refusal::invalid("failed to read the status: send an object with metadata and status"));
    }
    Ok((Counters::of(&value)?, status(value.get("status"))?))
}

impl Counters {
    fn of(value: &Value) -> Result<Self, Refusal> {
        let metadata = &value["metadata"];
        Ok(Self {
            resource_version: text(metadata, "metadata", "resourceVersion")?.trim().to_owned(),
            generation: whole(metadata, "metadata", "generation")?,
            created_at: text(metadata, "metadata", "createdAt")?,
        })
    }
}

/// A status whose known fields have the types that orlojd reads them in.
fn status(given: Option<&Value>) -> Result<Value, Refusal> {
    let status = match given {
        None | Some(Value::Null) => return Ok(Value::Object(Map::new())),
        Some(status @ Value::Object(_)) => status,
        Some(_) => return Err(Refusal::invalid("status: expected an object")),
    };
    for field in ["phase", "lastError"] {
        text(status, "status", field)?;
    }
    whole(status, "status", "observedGeneration")?;
    Ok(status.clone())
}

fn text(of: &Value, parent: &str, field: &str) -> Result<String, Refusal> {
    match &of[field] {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        _ => Err(Refusal::invalid(format!("{parent}.{field}: expected a string; put it into quotes"))),
    }
}

fn whole(of: &Value, parent: &str, field: &str) -> Result<i64, Refusal> {
    match &of[field] {
        Value::Null => Ok(0),
        value => value
            .as_i64()
            .ok_or_else(|| Refusal::invalid(format!("{parent}.{field}: expected a whole number, without quotes"))),
    }
}
