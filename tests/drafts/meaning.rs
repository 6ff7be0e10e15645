//! A draft means what its CRD means, and nothing is written that does not load.

use serde_json::json;

use super::{Desk, bed, drafted, lint_of_kinds, loaded, only};

const MINI: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: minis.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Mini, listKind: MiniList, plural: minis, singular: mini, shortNames: [mini, mi]}
  versions:
    - name: v1
      served: true
      storage: true
      additionalPrinterColumns:
        - {name: Owner, type: string, jsonPath: '.metadata.ownerReferences[0].kind'}
        - {name: Open, type: string, jsonPath: .spec.open}
        - {name: Gone, type: string, jsonPath: .spec.gone}
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              x-kubernetes-validations:
                - {rule: 'self.kind == ''Service'' ? has(self.port) : true', message: a Service needs a port}
                - {rule: '!has(self.port) || self.port != 0', message: port 0 is none}
                - {rule: '!has(self.namespace) || self.namespace != self.kind && self.namespace != ''if''', message: odd}
                - {rule: 'self.refs.all(r, r.kind != '''')', message: of a kind}
              properties:
                kind: {type: string, default: Service, description: K.}
                size: {type: string, default: small, description: S.}
                namespace: {type: string, maxLength: 9, description: N.}
                port: {x-kubernetes-int-or-string: true, description: P.}
                flag: {type: boolean, x-kubernetes-preserve-unknown-fields: true, description: F.}
                refs:
                  type: array
                  description: R.
                  default: []
                  maxItems: 9
                  items:
                    type: object
                    properties: {kind: {type: string, default: Secret, maxLength: 9, description: K.}}
                list:
                  type: array
                  description: L.
                  x-kubernetes-preserve-unknown-fields: true
                  items: {type: object, properties: {a: {type: string, description: A.}}}
                open:
                  type: object
                  description: O.
                  x-kubernetes-preserve-unknown-fields: true
                  x-kubernetes-validations:
                    - {rule: 'has(self.known)', message: known is needed}
                  properties: {known: {type: string, description: K.}}
";

fn mini(name: &str, spec: &str) -> String {
    format!("apiVersion: example.com/v1\nkind: Mini\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

/// Objects, and what the original CRD's server has against each.
const OBJECTS: [(&str, &str, Option<&str>); 7] = [
    ("port", "{port: 80}", None),
    ("named", "{port: http}", None),
    ("none", "{}", Some("a Service needs a port")),
    ("other", "{kind: Other}", None),
    ("zero", "{port: 0}", Some("port 0 is none")),
    ("open", "{port: 1, open: {known: a, more: {x: 1}}, list: [{a: b, c: d}], refs: [{}]}", None),
    ("closed", "{port: 1, open: {more: 1}}", Some("known is needed")),
];

/// Without a server and with one the verdict is that of the original, and so is the row.
#[test]
fn defaults_that_rules_read_stay_and_nothing_is_lost() {
    let desk = Desk::new();
    desk.write("crd.yaml", MINI);
    std::fs::create_dir(desk.path("kinds")).unwrap();
    let ran = desk.run("kinds new --from-crd m/crd.yaml --out kinds/mini.yaml").expect(0);
    assert!(ran.err.contains("the short name mini is left out") && !ran.err.contains("CEL rule left out"), "{ran:?}");
    assert!(ran.err.contains("spec.flag: x-kubernetes-preserve-unknown-fields left out: it is no object"), "{ran:?}");
    desk.remove("crd.yaml");
    let text = std::fs::read_to_string(desk.path("kinds/mini.yaml")).unwrap();
    assert!(lint_of_kinds("mini.yaml", &text).is_empty(), "{}", lint_of_kinds("mini.yaml", &text));
    let registry = loaded(&text);
    let kind = only(&registry);
    let schema = kind.schema.openapi();
    let default = |pointer: &str| schema.pointer(&format!("{pointer}/default")).cloned();
    assert_eq!(default("/properties/kind"), Some(json!("Service")));
    assert_eq!(default("/properties/refs"), Some(json!([])));
    assert_eq!(default("/properties/refs/items/properties/kind"), Some(json!("Secret")));
    assert_eq!(default("/properties/size"), None, "no rule reads it");

    for (name, spec, _) in OBJECTS {
        desk.write(&format!("{name}.yaml"), &mini(name, spec));
    }
    let told = desk.run("validate m --kinds kinds -o json").code;
    assert_eq!(told, 1);
    for (name, _, wrong) in OBJECTS {
        let ran = desk.run(&format!("validate m/{name}.yaml --kinds kinds"));
        assert_eq!(ran.code, i32::from(wrong.is_some()), "{name}: {ran:?}");
        assert!(wrong.is_none_or(|text| format!("{ran:?}").contains(text)), "{name}: {ran:?}");
    }
    desk.run("sync m/open.yaml --store sqlite:o.db --kinds kinds").expect(0);
    let row = desk.run("get mini open -o json --store sqlite:o.db --kinds kinds").expect(0).json();
    let spec = json!({
        "kind": "Service", "size": "small", "port": 1, "open": {"known": "a", "more": {"x": 1}},
        "list": [{"a": "b", "c": "d"}], "refs": [{"kind": "Secret"}]
    });
    assert_eq!(row["spec"], spec);

    let plane = bed::control_plane();
    plane.kubectl_stdin(["apply", "--server-side", "-f", "-"], &kind.crd().to_string()).expect_ok();
    plane.kubectl(["wait", "--for=condition=Established", "crd/minis.example.com", "--timeout=60s"]).expect_ok();
    let all: Vec<String> = OBJECTS.iter().map(|(name, spec, _)| mini(name, spec)).collect();
    bed::eventually(std::time::Duration::from_mins(1), "minis are served", || {
        let got = plane.kubectl(["get", "minis"]);
        if got.ok { Ok(()) } else { Err(got.stderr) }
    });
    let served = plane.kubectl_stdin(["create", "--dry-run=server", "-f", "-"], &all.join("---\n"));
    let said = format!("{served:?}");
    for (name, _, wrong) in OBJECTS {
        assert!(said.contains(wrong.unwrap_or(&format!("mini.example.com/{name} created"))), "{name}: {said}");
    }
}

/// What the schema as drafted no longer says takes the rules with it that name it.
#[test]
fn a_rule_that_no_longer_holds_goes_with_a_note() {
    let desk = Desk::new();
    let list = "type: array\n                  description: R.\n                  default: []";
    let keyed = "x-kubernetes-list-type: map\n                  x-kubernetes-list-map-keys: [kind]";
    let old = "{rule: 'self.refs.all(r, r.kind != '''')', message: of a kind}";
    let crd = MINI.replace(list, &format!("{list}\n                  {keyed}")).replace(
        "items:\n                    type: object\n                    properties: {kind: {type: string, default: Secret",
        "items:\n                    type: object\n                    x-kubernetes-validations: [{rule: self.kind == oldSelf.kind}]\n                    \
         properties: {kind: {type: string, default: Secret",
    );
    assert!(crd.contains(old) && crd.contains("oldSelf"));
    desk.write("crd.yaml", &crd);
    let (text, ran) = drafted(&desk, "--from-crd m/crd.yaml");
    assert!(ran.err.contains("spec.refs[]: CEL rule left out: self.kind == oldSelf.kind ("), "{ran:?}");
    assert!(!text.contains("rule: self.kind == oldSelf.kind"), "{text}");
}

/// Names that the format does not take are made such that it does, and what still does not load is not written.
#[test]
fn nothing_is_written_that_does_not_load() {
    let desk = Desk::new();
    desk.write(
        "lower.yaml",
        &MINI.replace("kind: Mini,", "kind: postgresql,").replace("listKind: MiniList", "listKind: postgresqlList"),
    );
    let (text, _) = drafted(&desk, "--from-crd m/lower.yaml");
    assert_eq!(only(&loaded(&text)).names.kind, "postgresql", "as the API server has it");
    let ran = desk.run("kinds new --from-crd m/lower.yaml --table Bad-Name --out kind.yaml");
    assert!(ran.code != 0 && ran.err.contains("`Bad-Name` is no safe SQL name"), "{ran:?}");
    assert!(!desk.path("kind.yaml").exists() && !ran.err.contains("wrote"), "{ran:?}");
    let ran = desk.run("kinds new --from-crd m/lower.yaml --table Bad-Name");
    assert!(ran.code != 0 && ran.out.is_empty(), "{ran:?}");
    desk.write(
        "reason.yaml",
        "apiVersion: a.example.com/v1\nkind: Box\nmetadata: {name: x}\nspec: {reason: a, phase: b}\n",
    );
    desk.write("group.yaml", "apiVersion: a.k8s.io/v1\nkind: Box\nmetadata: {name: x}\nspec: {reason: a}\n");
    for (file, table) in [("reason", "boxes"), ("group", "boxes")] {
        let (text, _) = drafted(&desk, &format!("--from-sample m/{file}.yaml"));
        assert!(lint_of_kinds("box.yaml", &text).is_empty(), "{}\n{text}", lint_of_kinds("box.yaml", &text));
        let registry = loaded(&text);
        assert_eq!(only(&registry).store.table.name, table);
        let approval = &only(&registry).crd()["metadata"]["annotations"]["api-approved.kubernetes.io"];
        assert_eq!(approval.as_str().is_some_and(|text| text.starts_with("unapproved")), file == "group");
        assert!(approval.is_null() != (file == "group"));
    }
}
