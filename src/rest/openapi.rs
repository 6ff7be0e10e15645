//! The API as an OpenAPI document, made from the registry.

use serde_json::{Map, Value, json};

use super::objects::Collection;
use crate::authoring::schemas::openapi::Translator;
use crate::registry::{ApiWriters, Kind, Registry};

/// JSON Schema dialect of the schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The document.
#[must_use]
pub fn document(registry: &Registry) -> Value {
    let mut paths = Map::new();
    let mut schemas = common_schemas();
    for of in registry.kinds().iter().filter_map(Collection::of) {
        let kind = &of.kind.names.kind;
        schemas.insert(kind.clone(), object_schema(of.kind));
        schemas.insert(format!("{kind}List"), list_schema(kind));
        let base = format!("/v1/{}", of.api.collection);
        paths.insert(base.clone(), collection_paths(&of));
        paths.insert(format!("{base}/{{name}}"), item_paths(&of));
        if of.api.status {
            paths.insert(format!("{base}/{{name}}/status"), status_paths(&of));
        }
        if of.api.watch {
            let about = format!("Follow {kind} objects: all that are there, then what changes");
            let parameters = ["namespace", "name", "resourceVersion"].map(|name| query(name, "Filter."));
            paths.insert(format!("{base}/watch"), stream(&about, &format!("watch{kind}"), &json!(parameters)));
        }
    }
    paths.extend(service_paths());
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "Orloj objects",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The REST API of orlojd for the kinds of this operator's registry.",
        },
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "parameters": {
                "name": {"name": "name", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}},
                "namespace": query("namespace", "Namespace of the object; `default` where left out."),
                "ifMatch": {"name": "If-Match", "in": "header", "required": false, "schema": {"type": "string"},
                    "description": "Version that is replaced, or `*`."},
            },
            "responses": {
                "refused": {
                    "description": "What was refused, why, and what helps.",
                    "headers": {"X-Orloj-CRD-Managed": {"schema": {"type": "string", "const": "true"},
                        "description": "The operator owns the row."}},
                    "content": {
                        "text/plain": {"schema": {"type": "string"}},
                        "application/problem+json": {"schema": reference("Problem")},
                    },
                },
            },
            "schemas": schemas,
        },
    })
}

fn query(name: &str, about: &str) -> Value {
    json!({"name": name, "in": "query", "required": false, "description": about, "schema": {"type": "string"}})
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn parameter(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// An operation with its answer; everything else is a refusal.
fn operation(about: &str, id: &str, code: &str, answer: Option<Value>) -> Value {
    let mut good = json!({"description": "Done."});
    if let Some(schema) = answer {
        good["content"] = json!({"application/json": {"schema": schema}});
    }
    json!({
        "summary": about,
        "operationId": id,
        "responses": {code: good, "default": {"$ref": "#/components/responses/refused"}},
    })
}

fn with(mut operation: Value, parts: &[(&str, Value)]) -> Value {
    for (name, part) in parts {
        operation[name] = part.clone();
    }
    operation
}

fn body(schema: &Value) -> Value {
    let content = json!({"schema": schema});
    json!({"required": true, "content": {"application/json": content, "application/yaml": content}})
}

fn writers(of: &Collection<'_>) -> &'static str {
    match of.api.writers {
        ApiWriters::Writer => "Takes the role writer, where there are tokens.",
        ApiWriters::Admin => "Takes the role admin, where there are tokens.",
    }
}

fn collection_paths(of: &Collection<'_>) -> Value {
    let kind = &of.kind.names.kind;
    let parameters = [
        query("namespace", "Only objects of this namespace."),
        query("limit", "Most objects of a page, up to 1000."),
        query("after", "Where the page begins: `continue` of the page before."),
        query("labelSelector", "Pairs `key=value`, parted by commas; all of them have to hold."),
    ];
    let list = operation(
        &format!("List {kind} objects"),
        &format!("list{kind}"),
        "200",
        Some(reference(&format!("{kind}List"))),
    );
    let put = operation(&format!("Create or replace a {kind}"), &format!("apply{kind}"), "201", Some(reference(kind)));
    json!({
        "get": with(list, &[("parameters", json!(parameters))]),
        "post": with(put, &[
            ("description", writers(of).into()),
            ("parameters", json!([parameter("namespace")])),
            ("requestBody", body(&reference(kind))),
        ]),
    })
}

fn item_paths(of: &Collection<'_>) -> Value {
    let kind = &of.kind.names.kind;
    let get = operation(&format!("Get a {kind}"), &format!("get{kind}"), "200", Some(reference(kind)));
    let put =
        operation(&format!("Replace a {kind} that is there"), &format!("replace{kind}"), "200", Some(reference(kind)));
    let delete = format!("Delete a {kind}");
    let delete = if of.api.tells_deletion {
        let deleted = json!({"type": "object", "required": ["deleted"], "properties": {"deleted": {"type": "string"}}});
        operation(&delete, &format!("delete{kind}"), "200", Some(deleted))
    } else {
        operation(&delete, &format!("delete{kind}"), "204", None)
    };
    json!({
        "parameters": [parameter("name"), parameter("namespace")],
        "get": get,
        "put": with(put, &[
            ("description", writers(of).into()),
            ("parameters", json!([parameter("ifMatch")])),
            ("requestBody", body(&reference(kind))),
        ]),
        "delete": with(delete, &[("description", writers(of).into())]),
    })
}

fn status_paths(of: &Collection<'_>) -> Value {
    let kind = &of.kind.names.kind;
    let status = || Some(reference("Status"));
    let put = operation(&format!("Replace the status of a {kind}"), &format!("replace{kind}Status"), "200", status());
    json!({
        "parameters": [parameter("name"), parameter("namespace")],
        "get": operation(&format!("Get the status of a {kind}"), &format!("get{kind}Status"), "200", status()),
        "put": with(put, &[
            ("description", "Takes the role controller, where there are tokens.".into()),
            ("parameters", json!([parameter("ifMatch")])),
            ("requestBody", json!({"required": true, "content": {"application/json": {"schema": reference("Status")}}})),
        ]),
    })
}

fn stream(about: &str, id: &str, parameters: &Value) -> Value {
    let mut get = operation(about, id, "200", None);
    get["responses"]["200"]["content"] = json!({"text/event-stream": {"schema": {"type": "string"}}});
    json!({"get": with(get, &[("parameters", parameters.clone())])})
}

fn service_paths() -> Map<String, Value> {
    let object = || Some(json!({"type": "object"}));
    let get = |about: &str, id: &str| json!({"get": operation(about, id, "200", object())});
    let filters = ["since", "source", "type", "kind", "name", "namespace"].map(|name| query(name, "Filter."));
    let paths = json!({
        "/healthz": get("Whether the server is up", "health"),
        "/openapi.json": get("This document", "openapi"),
        "/v1/auth/config": get("How callers prove who they are", "authConfig"),
        "/v1/auth/me": get("Whether the caller is known", "authMe"),
        "/v1/capabilities": get("What the server can do", "capabilities"),
        "/v1/events/watch": stream("Follow the changes of all objects", "watchEvents", &json!(filters)),
        "/v1/namespaces": get("Namespaces that hold an object", "namespaces"),
        "/v1/workers": get("Workers, of which this server has none", "workers"),
    });
    paths.as_object().cloned().unwrap_or_default()
}

fn common_schemas() -> Map<String, Value> {
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let schemas = json!({
        "Metadata": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "namespace": {"type": "string"},
                "labels": texts,
                "annotations": texts,
                "resourceVersion": {"type": "string", "description": "Counts the writes of the object."},
                "generation": {"type": "integer", "description": "Counts the changes of its spec."},
                "createdAt": {"type": "string", "description": "RFC 3339."},
            },
        },
        "ObjectStatus": {
            "type": "object",
            "properties": {
                "phase": {"type": "string"},
                "lastError": {"type": "string"},
                "observedGeneration": {"type": "integer"},
            },
        },
        "Status": {
            "type": "object",
            "required": ["metadata", "status"],
            "properties": {"metadata": {"type": "object"}, "status": reference("ObjectStatus")},
        },
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
            },
        },
    });
    schemas.as_object().cloned().unwrap_or_default()
}

fn list_schema(kind: &str) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": {"type": "array", "items": reference(kind)},
            "continue": {"type": "string", "description": "Where the next page begins; left out on the last."},
        },
    })
}

/// What the CRD says of a spec holds of submitted objects; what is stored, and answered, has more in it, and is not refused.
fn object_schema(kind: &Kind) -> Value {
    let crd = kind.crd();
    let root = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().unwrap_or_default();
    let spec = Translator { strict: false }.root(&root)["properties"]["spec"].take();
    json!({
        "type": "object",
        "description": kind.description,
        "required": ["metadata"],
        "properties": {
            "apiVersion": {"type": "string", "const": kind.names.api_version()},
            "kind": {"type": "string", "const": kind.names.kind},
            "metadata": reference("Metadata"),
            "spec": spec,
            "status": reference("ObjectStatus"),
        },
    })
}
