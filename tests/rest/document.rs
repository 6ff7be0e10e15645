//! The OpenAPI document: sound by the standard's own schema, and true of what the server answers.

use orloj_operator::registry::Registry;
use orloj_operator::rest::document;
use serde_json::{Value, json};

use crate::desk::{Place, REGISTRY};

const STANDARD: &str = include_str!("openapi-3.1.schema.json");

fn check(schema: &Value, value: &Value) {
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn it_is_what_the_standard_asks_for() {
    let standard: Value = serde_json::from_str(STANDARD).unwrap();
    let folder = format!("{}/tests/kinds", env!("CARGO_MANIFEST_DIR"));
    let more = Registry::load(Some(folder.as_ref())).unwrap();
    for registry in [&*REGISTRY, &more] {
        let document = document(registry);
        check(&standard, &document);
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        for kind in registry.kinds() {
            let path = format!("/v1/{}", kind.api.as_ref().unwrap().collection);
            assert!(document["paths"][&path]["post"].is_object(), "{path}");
        }
    }
    let ids: Vec<String> = document(&REGISTRY)["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|operation| Some(operation["operationId"].as_str()?.to_owned()))
        .collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
}

/// What the document says of an answer holds of real ones, for the examples of all kinds.
#[test]
fn answers_are_as_it_says() {
    let place = Place::sqlite();
    let api = place.serve("");
    let document = api.get("/openapi.json").expect(200).json();
    assert_eq!(document, orloj_operator::rest::document(&REGISTRY));
    let schema = |name: &str| {
        let mut schema = json!({"$ref": format!("#/components/schemas/{name}")});
        schema["components"] = document["components"].clone();
        schema
    };
    let examples = format!("{}/examples", env!("CARGO_MANIFEST_DIR"));
    place.run(&format!("sync {examples} -q")).expect(0);
    for kind in REGISTRY.kinds() {
        let path = format!("/v1/{}", kind.api.as_ref().unwrap().collection);
        let list = api.get(&path).expect(200).json();
        assert!(!list["items"].as_array().unwrap().is_empty(), "{path}");
        if !kind.sensitive {
            check(&schema(&format!("{}List", kind.names.kind)), &list);
        }
    }
    let problem = api.ask("GET", "/v1/tools/x", &[("Accept", "application/problem+json")], "").expect(404).json();
    check(&schema("Problem"), &problem);
}

/// What is for admins alone must not be open to all for a mistyped path.
#[test]
fn a_path_that_leads_nowhere_is_refused() {
    let widget = include_str!("../kinds/widget.yaml");
    let load = |admin_where: &str| {
        let text = widget
            .replace("api: {collection: widgets}", &format!("api: {{collection: widgets, adminWhere: {admin_where}}}"));
        assert_ne!(text, widget);
        Registry::from_files([("widget.yaml".to_owned(), text)]).map(drop).map_err(|error| error.to_string())
    };
    load("{spec.size: large, spec.paint.colour: red}").unwrap();
    for (wrong, told) in [
        ("{spec.siz: large}", "size"),
        ("{spec.tags: a}", "must be one string"),
        ("{spec.tags[]: a}", "must be one string"),
    ] {
        let error = load(wrong).unwrap_err();
        assert!(error.contains(told) && error.contains("widget.yaml:"), "{error}");
    }
}
