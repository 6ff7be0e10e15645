//! From sample objects: what they have in common.

use serde_json::json;

use super::{Desk, drafted, lint, loaded, only, root};

fn widget(name: &str, spec: &str) -> String {
    format!("---\napiVersion: things.example.com/v1beta1\nkind: Policy\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

#[test]
fn types_and_needs_come_from_all_samples() {
    let desk = Desk::new();
    let specs = [
        "{size: small, weight: 1, ratio: 1, deep: {a: p}, labels: {a/b: c}, list: [{k: 1}, {k: 2, m: x}], e: [], f: {}, odd: 1}",
        "{size: small, weight: 2.0, ratio: 0.5, deep: {a: q, b: true}, labels: {}, list: [], odd: x, gone: null}",
        "{size: large, weight: 3, ratio: 2, deep: {a: r}, labels: {x: z}, list: [], odd: z}",
    ];
    let many: Vec<String> =
        specs.iter().cycle().take(9).enumerate().map(|(n, spec)| widget(&format!("p{n}"), spec)).collect();
    desk.write("samples.yaml", &many.concat());
    let (text, ran) = drafted(&desk, "--from-sample m/samples.yaml");
    let registry = loaded(&text);
    let kind = only(&registry);
    assert_eq!(
        (kind.names.plural.as_str(), kind.names.api_version().as_str()),
        ("policies", "things.example.com/v1beta1")
    );
    assert_eq!(kind.store.table.name, "policies");
    let schema = kind.schema.openapi();
    assert_eq!(schema["required"], json!(["deep", "labels", "list", "odd", "ratio", "size", "weight"]));
    let field = |name: &str| {
        let mut field = schema["properties"][name].clone();
        field.as_object_mut().unwrap().remove("description");
        field
    };
    assert_eq!(field("size"), json!({"type": "string", "enum": ["large", "small"]}));
    assert_eq!(field("weight"), json!({"type": "integer"}));
    assert_eq!(field("ratio"), json!({"type": "number"}));
    assert_eq!(field("labels"), json!({"type": "object", "additionalProperties": {"type": "string"}}));
    assert_eq!(field("e"), json!({"type": "array", "items": {"type": "string"}}));
    assert_eq!(field("f"), json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    assert_eq!(field("odd"), json!({"type": "string"}));
    assert_eq!(schema["properties"]["deep"]["required"], json!(["a"]));
    assert_eq!(schema["properties"]["list"]["items"]["required"], json!(["k"]));
    assert_eq!(schema["properties"]["list"]["items"]["properties"]["k"]["type"], "integer");
    assert_eq!(schema["properties"]["gone"]["description"], "Gone; in 0 of 9 samples.");
    for told in [
        "the plural policies is a guess",
        "spec.odd: of more than one type in the samples; string was taken",
        "spec.e: empty in the samples; a list of strings was taken",
        "spec.labels: taken for a map",
        "spec.gone: only null in the samples",
    ] {
        assert!(ran.err.contains(told), "{told}\n{}", ran.err);
    }
    let file = desk.path("policy.yaml");
    std::fs::write(&file, &text).unwrap();
    lint(&[file]);
}

/// One object says nothing of the others, and a value that came once is no choice.
#[test]
fn one_sample_requires_nothing() {
    let desk = Desk::new();
    desk.write(
        "one.json",
        r#"{"apiVersion":"a.example.com/v1","kind":"Box","spec":{"colour":"red","password":"pl4nted"}}"#,
    );
    let (text, ran) = drafted(&desk, "--from-sample m/one.json --plural boxen --table crates");
    let registry = loaded(&text);
    let kind = only(&registry);
    assert_eq!((kind.names.plural.as_str(), kind.store.table.name.as_str()), ("boxen", "crates"));
    assert_eq!(kind.schema.openapi()["required"], json!(null));
    assert!(!text.contains("enum") && !text.contains("pl4nted") && !ran.err.contains("pl4nted"), "{text}");
}

/// The samples themselves are accepted, and stored as they are.
#[test]
fn samples_sync_into_rows() {
    let desk = Desk::new();
    let input = std::fs::read_to_string(root().join("examples/06-tools-http.yaml")).unwrap();
    desk.write("tools.yaml", &input.replace("orloj.dev/v1", "mine.example.com/v1"));
    std::fs::create_dir(desk.path("kinds")).unwrap();
    let ran = desk.run("kinds new --from-sample m --out kinds/tool.yaml").expect(0);
    assert!(ran.err.contains("the table tools belongs to another kind: the rows go into mine_tools"), "{ran:?}");
    let synced = desk.run("sync m --store sqlite:o.db -o json --kinds kinds").expect(0);
    let names: Vec<_> = input.lines().filter(|line| line.starts_with("kind:")).collect();
    assert_eq!(synced.fates().len(), names.len(), "{synced:?}");
    let given = super::yaml(input.split("\n---").next().unwrap());
    let (name, namespace) = (&given["metadata"]["name"], &given["metadata"]["namespace"]);
    let words = format!("get tools.mine.example.com {} -n {}", name.as_str().unwrap(), namespace.as_str().unwrap());
    let row = desk.run(&format!("{words} -o json --store sqlite:o.db --kinds kinds")).expect(0).json();
    assert_eq!(row["spec"], given["spec"]);
}

#[test]
fn samples_that_do_not_belong_together_are_refused() {
    let desk = Desk::new();
    desk.write("two.yaml", "apiVersion: a.b/v1\nkind: A\n---\napiVersion: a.b/v1\nkind: B\n");
    desk.write("core.yaml", "apiVersion: v1\nkind: ConfigMap\nspec: {a: 1}\n");
    desk.write("apps.yaml", "apiVersion: apps/v1\nkind: Deployment\nspec: {a: 1}\n");
    desk.write("empty.yaml", "# nothing\n");
    for (file, told) in [
        ("two.yaml", "more than one kind: a.b/v1 A, a.b/v1 B"),
        ("core.yaml", "the API group is missing; give --group"),
        ("apps.yaml", "apps is a group of Kubernetes' own"),
        ("empty.yaml", "there is no sample"),
    ] {
        let ran = desk.run(&format!("kinds new --from-sample m/{file}")).expect(2);
        assert!(ran.err.contains(told), "{file}: {ran:?}");
    }
    let (text, _) = drafted(&desk, "--from-sample m/core.yaml --group x.example.com");
    assert!(text.contains("group: x.example.com\n") && text.contains("version: v1\n"));
}

/// Objects of several kinds are no mistake once one is chosen, and what is no object is told as such.
#[test]
fn one_kind_of_several_is_chosen() {
    let desk = Desk::new();
    let object =
        |kind: &str| format!("apiVersion: a.example.com/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{a: 1}}\n");
    desk.write("mixed.yaml", &format!("{}---\n{}", object("Apple"), object("Pear")));
    let several = desk.run("kinds new --from-sample m/mixed.yaml").expect(2).err;
    assert!(several.contains("a.example.com/v1 Apple, a.example.com/v1 Pear; say which with --kind"), "{several}");
    let (text, _) = drafted(&desk, "--from-sample m/mixed.yaml --kind Pear");
    assert_eq!(only(&loaded(&text)).names.kind, "Pear");
    desk.write("none.yaml", "a: 1\n");
    let none = desk.run("kinds new --from-sample m/none.yaml").expect(2).err;
    assert!(none.contains("neither apiVersion nor kind"), "{none}");
}

/// A few words that come again and again are a choice, unless a name on the way to them speaks of a secret.
#[test]
fn no_value_of_a_secret_is_a_choice() {
    let desk = Desk::new();
    let sample = |n: usize| {
        let word = if n.is_multiple_of(2) { "pl4nted-a" } else { "pl4nted-b" };
        let fields = [
            "size: {WORD}",
            "tokens: [{WORD}]",
            "apikey: {WORD}",
            "passwords: [{WORD}]",
            "passwd: {WORD}",
            "authorization: {WORD}",
            "credentials: {value: {WORD}, kind: {WORD}, deep: [{any: {WORD}}]}",
            "env: [{name: {WORD}, value: {WORD}}]",
            "clientPINs: [{WORD}]",
            "tls: {privateKeys: {mine: [{WORD}]}, certificate: {WORD}}",
            "by-client: {a/b: {secret: {WORD}}}",
        ];
        let spec = fields.join(", ").replace("{WORD}", word);
        let spec = spec.replacen(word, if n.is_multiple_of(2) { "small" } else { "large" }, 1);
        widget(&format!("p{n}"), &format!("{{{spec}}}"))
    };
    desk.write("samples.yaml", &(0..8).map(sample).collect::<String>());
    let (text, ran) = drafted(&desk, "--from-sample m/samples.yaml");
    assert!(!text.contains("pl4nted") && !ran.err.contains("pl4nted"), "{text}\n{}", ran.err);
    let registry = loaded(&text);
    let schema = only(&registry).schema.openapi();
    assert_eq!(schema["properties"]["size"]["enum"], json!(["large", "small"]));
    assert_eq!(text.matches("enum:").count(), 1, "{text}");
    assert_eq!(text.matches("oneOf:").count(), 1, "{text}");
    // nor is it a column of kubectl get
    desk.write("one.yaml", &widget("p", "{apikey: x, token: y, zone: z}"));
    let (text, _) = drafted(&desk, "--from-sample m/one.yaml");
    assert!(text.contains("jsonPath: .spec.zone") && !text.contains("jsonPath: .spec.apikey"), "{text}");
}
