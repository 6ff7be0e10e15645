//! From the repository's own CRDs: the schema that comes back is the one that went in.

use serde_json::{Value, json};

use super::{Desk, drafted, lint, lint_of_kinds, loaded, only, root, yaml};
use orloj_operator::registry::Registry;

#[test]
fn our_own_come_back_as_they_are() {
    let desk = Desk::new();
    let registry = Registry::embedded().unwrap();
    let mut files = Vec::new();
    for kind in registry.kinds() {
        let crd = root().join("crds").join(kind.crd_file());
        let (text, ran) = drafted(&desk, &format!("--from-crd {}", crd.display()));
        let again = loaded(&text);
        let again = only(&again);
        assert_eq!(again.schema.openapi(), kind.schema.openapi(), "{}", kind.names.kind);
        assert_eq!(again.names, kind.names);
        assert_eq!(again.store.table.name, kind.store.table.name);
        assert_eq!(again.description, kind.description);
        // all but the rule on a missing spec, which depends on rules that no CRD has
        let (mut ours, mut theirs) = (again.crd(), kind.crd());
        for crd in [&mut ours, &mut theirs] {
            crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema").unwrap()["x-kubernetes-validations"] =
                Value::Null;
        }
        assert_eq!(ours, theirs);
        assert!(ran.err.contains("is a kind already"), "{ran:?}");
        assert_eq!(ran.err.contains("stored in clear"), kind.sensitive, "{ran:?}");
        let findings = lint_of_kinds("draft.yaml", &text);
        assert!(findings.is_empty(), "{findings}\n{text}");
        let file = desk.path(&format!("{}.yaml", kind.names.plural));
        std::fs::write(&file, &text).unwrap();
        files.push(file);
    }
    lint(&files);
}

const WIDGETS: &str = include_str!("widgets-crd.yaml");

/// What the format cannot hold is told, each by its name; what it can is there.
#[test]
fn what_is_left_out_is_told() {
    let desk = Desk::new();
    desk.write("crd.yaml", WIDGETS);
    let (text, ran) = drafted(&desk, "--from-crd m/crd.yaml");
    for told in [
        "the CRD has the versions v1alpha1, v1, and a kind has one: this is v1",
        "conversion webhook",
        "the scale subresource",
        "selectableFields",
        "categories become orloj; left out: all",
        "the printer column Ready (.status.ready) is left out",
        "status is the operator's own; left out: ready",
        "data, beside spec, is left out",
        "what the CRD asks of metadata is left out",
        "a CEL rule on the whole resource is left out: self.metadata.name != 'x'",
        "spec.port: required, and with a default: not required here",
        "spec.tags: x-kubernetes-list-type left out",
        "spec.size: nullable",
        "spec.level: enum left out",
        "spec.ratio: minimum left out",
        "CEL rule left out: it needs optionalOldSelf",
        "messageExpression of a CEL rule left out",
        "spec.any: oneOf left out",
        "spec.template: x-kubernetes-embedded-resource left out",
    ] {
        assert!(ran.err.contains(told), "{told}\n{}", ran.err);
        let line = ran.err.lines().find(|line| line.contains(told)).unwrap().trim_start_matches("note: ");
        let unfolded = text.replace("\n# ", " ");
        assert!(unfolded.contains(line), "{line} is not in the file:\n{text}");
    }
    let registry = loaded(&text);
    let kind = only(&registry);
    assert_eq!(kind.names.short_names, ["wd"]);
    assert_eq!(kind.names.version, "v1");
    let schema = kind.schema.openapi();
    assert_eq!(
        schema["properties"]["weight"],
        json!({
            "type": "integer", "minimum": 1, "maximum": 9, "format": "int32", "description": "Weight."
        })
    );
    assert_eq!(schema["properties"]["size"]["enum"], json!(["small", "large"]));
    assert_eq!(schema["properties"]["weight"]["store"], Value::Null);
    assert_eq!(
        schema["x-kubernetes-validations"],
        json!([
            {"rule": "self.size != 'large' || has(self.paint)", "message": "large ones are painted", "fieldPath": ".paint"},
            {"rule": "true", "message": "failed rule: true"},
        ])
    );
    let crd = kind.crd();
    let columns = &crd["spec"]["versions"][0]["additionalPrinterColumns"];
    assert_eq!(
        columns[0],
        json!({"name": "Size", "type": "string", "jsonPath": ".spec.size", "description": "How large."})
    );
    assert_eq!(columns[1], json!({"name": "Weight", "type": "integer", "jsonPath": ".spec.weight", "priority": 1}));
    assert_eq!(columns[2]["name"], "Phase");
    lint(&[{
        let file = desk.path("widget.yaml");
        std::fs::write(&file, &text).unwrap();
        file
    }]);

    let older = desk.run("kinds new --from-crd m/crd.yaml --api-version v1alpha1").expect(0);
    assert!(older.out.contains("version: v1alpha1\n") && older.err.contains("is deprecated"), "{older:?}");
    let none = desk.run("kinds new --from-crd m/crd.yaml --api-version v2").expect(2);
    assert!(none.err.contains("there is no version v2; the CRD has v1alpha1, v1"), "{none:?}");
}

/// Defaults, required fields and choices work without an API server.
#[test]
fn a_drafted_kind_syncs() {
    let desk = Desk::new();
    desk.write("crd.yaml", WIDGETS);
    std::fs::create_dir(desk.path("kinds")).unwrap();
    desk.run("kinds new --from-crd m/crd.yaml --out kinds/widget.yaml").expect(0);
    desk.remove("crd.yaml");
    let widget = |name: &str, spec: &str| {
        format!("apiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec: {spec}\n")
    };
    desk.write("good.yaml", &widget("good", "{size: small, weight: 3, 'on': false, paint: {}, parts: [{name: a}]}"));
    desk.write("choice.yaml", &widget("choice", "{size: huge, weight: 3}"));
    desk.write("lacks.yaml", &widget("lacks", "{size: small}"));
    desk.write("deep.yaml", &widget("deep", "{size: small, weight: 3, parts: [{}]}"));
    let ran = desk.run("sync m --store sqlite:o.db -o json --kinds kinds").expect(1);
    let errors: Vec<String> =
        ran.json_lines().iter().filter_map(|line| Some(line["error"].as_str()?.to_owned())).collect();
    for error in [
        "invalid spec.size \"huge\": expected one of small, large",
        "spec.weight is required",
        "spec.parts[].name is required",
    ] {
        assert!(errors.iter().any(|found| found.contains(error)), "{error}: {ran:?}");
    }
    let row = desk.run("get widget good -o json --store sqlite:o.db --kinds kinds").expect(0).json();
    let spec = json!({
        "size": "small", "weight": 3, "on": false, "paint": {"colour": "red"}, "port": 80,
        "parts": [{"name": "a", "count": 1}]
    });
    assert_eq!(row["spec"], spec, "zeros as given, defaults filled in");
}

#[test]
fn files_are_not_overwritten_by_accident() {
    let desk = Desk::new();
    desk.write("crd.yaml", WIDGETS);
    desk.write("kind.yaml", "mine\n");
    let read = || std::fs::read_to_string(desk.path("m/kind.yaml")).unwrap();
    let refused = desk.run("kinds new --from-crd m/crd.yaml --out m/kind.yaml").expect(2);
    assert!(refused.err.contains("is there already; --force overwrites it"), "{refused:?}");
    assert_eq!(read(), "mine\n");
    let forced = desk.run("kinds new --from-crd m/crd.yaml --out m/kind.yaml --force").expect(0);
    assert!(forced.out.is_empty() && forced.err.contains("wrote m/kind.yaml"), "{forced:?}");
    assert!(read().contains("kind: Widget\n"));
}

#[test]
fn what_is_no_definition_is_refused_with_what_helps() {
    let desk = Desk::new();
    desk.write("none.yaml", "apiVersion: v1\nkind: ConfigMap\n");
    desk.write("broken.yaml", "a: [\n");
    desk.write("cluster.yaml", &WIDGETS.replace("scope: Namespaced", "scope: Cluster"));
    let other = WIDGETS.replace("kind: Widget", "kind: Gadget");
    desk.write("two.yaml", &format!("{WIDGETS}---\n{other}"));
    desk.write("old.yaml", &WIDGETS.replace("apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1"));
    desk.write("flat.yaml", &yaml_without_spec());
    for (file, told) in [
        ("none.yaml", "holds no CustomResourceDefinition"),
        ("broken.yaml", "m/broken.yaml:"),
        ("missing.yaml", "unable to read m/missing.yaml"),
        ("cluster.yaml", "Widget of example.com is cluster-scoped"),
        ("two.yaml", "several CRDs, of Widget, Gadget: say which with --kind"),
        (
            "old.yaml",
            "expected a CustomResourceDefinition of apiextensions.k8s.io/v1, found apiextensions.k8s.io/v1beta1",
        ),
        ("flat.yaml", "Widget of example.com has no spec"),
    ] {
        let ran = desk.run(&format!("kinds new --from-crd m/{file}")).expect(2);
        assert!(ran.err.contains(told) && ran.out.is_empty(), "{file}: {ran:?}");
    }
    let (text, _) = drafted(&desk, "--from-crd m/two.yaml --kind Gadget");
    assert!(text.contains("kind: Gadget\n"));
    let none = desk.run("kinds new").expect(2);
    assert!(none.err.contains("--from-crd"), "{none:?}");
    let both = desk.run("kinds new --from-crd a --from-table b").expect(2);
    assert!(both.err.contains("cannot be used with"), "{both:?}");
}

fn yaml_without_spec() -> String {
    let mut crd = yaml(WIDGETS);
    let versions = crd["spec"]["versions"].as_array_mut().unwrap();
    for version in versions {
        version["schema"]["openAPIV3Schema"]["properties"].as_object_mut().unwrap().remove("spec");
    }
    crd.to_string()
}
