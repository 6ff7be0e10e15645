//! From tables: rows of the operator's own, somebody else's rows, and tables that are none of rows.

use orloj_operator::resource::{ObjectName, Resource, ResourceId};
use serde_json::{Value, json};

use super::{Desk, bed, drafted, lint, loaded, only, root};

const WIDGETS: &str = "
CREATE TABLE widgets (
    name text PRIMARY KEY, namespace text NOT NULL DEFAULT 'default', status_phase text NOT NULL DEFAULT '',
    payload jsonb NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(), created_at timestamptz NOT NULL DEFAULT now(),
    spec_hash text NOT NULL DEFAULT '', colour text NOT NULL DEFAULT 'red', mystery text NOT NULL DEFAULT '',
    later text NOT NULL DEFAULT '', amount integer NOT NULL);
INSERT INTO widgets (name, payload, spec_hash, colour, mystery, amount)
SELECT 'default/' || n, jsonb_build_object('apiVersion', 'w.example.com/v1', 'kind', 'Widget',
    'metadata', jsonb_build_object('name', n), 'spec', jsonb_build_object('paint', jsonb_build_object('colour', ' ' || upper(c)),
    'count', 3, 'size', s)), repeat('0', 64), c, 'x' || s, 1
FROM (VALUES ('a', 'red', 'small'), ('b', 'blue', 'large'), ('c', 'red', 'small'), ('d', 'red', 'large'),
    ('e', 'blue', 'small'), ('f', 'red', 'small')) t(n, c, s);
CREATE TABLE shop.price_lists (
    id bigserial PRIMARY KEY, title text NOT NULL, currency varchar(3) NOT NULL DEFAULT 'EUR', rate numeric, open boolean NOT NULL,
    since date, tags text[], rules jsonb, created_at timestamptz DEFAULT now());
CREATE TABLE \"userAccounts\" (id bigserial PRIMARY KEY, title text NOT NULL);
INSERT INTO shop.price_lists (title, rate, open, tags, rules) VALUES ('a', 1.5, true, '{x,y}', '{\"limit\": 3}');
";

#[test]
fn postgres_tables_become_kinds() {
    let database = bed::postgres().database();
    database.psql("CREATE SCHEMA shop");
    database.psql(WIDGETS);
    let desk = Desk::new();
    let (text, ran) = drafted(&desk, &format!("--from-table widgets --store {}", database.dsn()));
    let registry = loaded(&text);
    let kind = only(&registry);
    assert_eq!((kind.names.kind.as_str(), kind.names.plural.as_str()), ("Widget", "widgets"));
    assert_eq!((kind.names.api_version().as_str(), kind.store.table.name.as_str()), ("w.example.com/v1", "widgets"));
    let columns: Vec<_> =
        kind.store.table.columns.iter().map(|column| (column.name.as_str(), column.default.clone())).collect();
    assert_eq!(columns, [("spec_hash", "".into()), ("colour", "red".into()), ("later", "".into())]);
    assert!(text.contains("from: spec.paint.colour\n      apply: [trim, lower]\n"), "{text}");
    assert!(text.contains("later:\n      from: spec.later\n"), "{text}");
    for told in [
        "nothing is required",
        "the column mystery is left out: no field of the payload has its value",
        "the column amount is left out: derived columns are text, this is integer, and no row can be written without it",
        "the column later is empty in all rows",
    ] {
        assert!(ran.err.contains(told), "{told}\n{}", ran.err);
    }
    let schema = kind.schema.openapi();
    assert_eq!(schema["required"], Value::Null);
    assert_eq!(schema["properties"]["size"]["enum"], json!(["large", "small"]));
    assert_eq!(schema["properties"]["count"]["type"], "integer");

    let words = format!("--from-table shop.price_lists --group shop.example.com --store {}", database.dsn());
    let (plain, told) = drafted(&desk, &words);
    assert!(
        told.err.contains("is none of rows (it has no name, namespace, status_phase, payload), so it is left alone")
    );
    let registry = loaded(&plain);
    let list = only(&registry);
    assert_eq!((list.names.kind.as_str(), list.store.table.name.as_str()), ("PriceList", "price_lists_rows"));
    let schema = list.schema.openapi();
    let types: Vec<String> = schema["properties"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, field)| {
            format!("{name} {} {}", field["type"].as_str().unwrap(), field["format"].as_str().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        types,
        [
            "currency string -",
            "open boolean -",
            "rate number -",
            "rules object -",
            "since string date",
            "tags array -",
            "title string -"
        ]
    );
    assert_eq!(schema["required"], json!(["title", "open"]));
    assert_eq!(schema["properties"]["rules"]["properties"]["limit"]["type"], "integer");
    let (one, two) = (desk.path("widget.yaml"), desk.path("list.yaml"));
    std::fs::write(&one, text).unwrap();
    std::fs::write(&two, plain).unwrap();
    lint(&[one, two]);

    let words = format!("--from-table userAccounts --group shop.example.com --store {}", database.dsn());
    let (plain, _) = drafted(&desk, &words);
    let registry = loaded(&plain);
    let names = &only(&registry).names;
    assert_eq!((names.kind.as_str(), names.plural.as_str()), ("UserAccount", "useraccounts"));
    assert_eq!(only(&registry).store.table.name, "user_accounts_rows");

    let none = desk.run(&format!("kinds new --from-table nothing --store {}", database.dsn())).expect(2);
    assert!(none.err.contains("the store has no table nothing"), "{none:?}");
    let quoted = desk.run(&format!("kinds new --from-table widgets\";-- --store {}", database.dsn())).expect(2);
    assert!(quoted.err.contains("the store has no table"), "{quoted:?}");
    let no_group = desk.run(&format!("kinds new --from-table shop.price_lists --store {}", database.dsn())).expect(2);
    assert!(no_group.err.contains("the API group is missing; give --group"), "{no_group:?}");
}

/// Rows that the operator wrote come back as a kind that writes them again, columns included.
#[test]
fn rows_of_our_own_come_back() {
    let desk = Desk::new();
    let examples = root().join("examples");
    desk.run(&format!("sync {} --store sqlite:o.db", examples.display())).expect(0);
    let (text, ran) = drafted(&desk, "--from-table tools --store sqlite:o.db");
    assert!(ran.err.contains("spec.a2a: empty in the samples"), "{ran:?}");
    let registry = loaded(&text);
    let kind = only(&registry);
    assert_eq!((kind.names.kind.as_str(), kind.store.table.name.as_str()), ("Tool", "tools"));
    let embedded = orloj_operator::registry::Registry::embedded().unwrap();
    let tool = embedded.kind(embedded.resolve("tool").unwrap());
    let names = |kind: &orloj_operator::registry::Kind| -> Vec<String> {
        kind.store.table.columns.iter().map(|column| column.name.clone()).collect()
    };
    assert_eq!(names(kind), names(tool));
    let rows = desk.rows("tool");
    assert!(rows.len() > 4);
    for row in rows {
        let text = |pointer: &str| row.payload.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let resource = Resource {
            id: ResourceId {
                kind: kind.index,
                object: ObjectName::new(text("/metadata/namespace"), text("/metadata/name")),
            },
            uid: "uid".into(),
            generation: 1,
            version: 1,
            created: 0,
            labels: std::collections::BTreeMap::new(),
            annotations: std::collections::BTreeMap::new(),
            finalizers: Vec::new(),
            deleting: false,
            unreadable: None,
            spec: row.payload["spec"].clone(),
            status: Value::Null,
        };
        let desired = kind.desired(&resource).unwrap_or_else(|error| panic!("{error}"));
        let payload = kind.payload(&desired, None, &Value::Null);
        let mut spec = row.payload["spec"].clone();
        // always empty here, so that nothing says what it could hold: told as such
        assert_eq!(spec.as_object_mut().unwrap().remove("a2a"), Some(json!({})));
        assert_eq!(payload["spec"], spec, "{}", row.key);
        assert_eq!(kind.columns(&payload), tool.columns(&row.payload), "{}", row.key);
    }
}

/// Sealed values, and those of a store without a key, stay out of the file.
#[test]
fn a_table_of_secrets_gives_no_value_away() {
    let desk = Desk::new();
    let secret = |n: usize| {
        format!(
            "---\napiVersion: orloj.dev/v1\nkind: Secret\nmetadata: {{name: s{n}}}\nspec: {{stringData: {{token: pl4nted}}}}\n"
        )
    };
    desk.write("secrets.yaml", &(0..9).map(secret).collect::<String>());
    desk.run("sync m --store sqlite:o.db").expect(0);
    let ran = desk.run("kinds new --from-table secrets --store sqlite:o.db").expect(0);
    let all = format!("{ran:?}");
    assert!(!all.contains("pl4nted") && !all.contains("cGw0bnRlZA"), "{all}");
    assert!(ran.out.contains("data:"), "{all}");
    // nor with the objects themselves
    let ran = desk.run("kinds new --from-sample m").expect(0);
    assert!(!format!("{ran:?}").contains("pl4nted"), "{ran:?}");
}

const GUARDED: &str = "
CREATE TABLE doors (
    name text PRIMARY KEY, namespace text NOT NULL, status_phase text NOT NULL, payload jsonb NOT NULL,
    api_key text NOT NULL DEFAULT 'pl4nted-a', hint text NOT NULL, colour text NOT NULL);
INSERT INTO doors (name, namespace, status_phase, payload, api_key, hint, colour)
SELECT 'default/' || n, 'default', '', jsonb_build_object('apiVersion', 'w.example.com/v1', 'kind', 'Door', 'metadata',
    jsonb_build_object('name', n), 'spec', jsonb_build_object('colour', 'red', 'api_key', word, 'auth', jsonb_build_object(
    'tokens', jsonb_build_array(word), 'value', word))), word, word, 'red'
FROM (SELECT n::text AS n, CASE n % 2 WHEN 0 THEN 'pl4nted-a' ELSE 'pl4nted-b' END AS word FROM generate_series(1, 8) n) t;
CREATE TABLE gates (id bigserial PRIMARY KEY, title text, password text DEFAULT 'pl4nted-a', tokens text[], login jsonb);
INSERT INTO gates (tokens, login) SELECT ARRAY[word], jsonb_build_object('secret', word)
FROM (SELECT CASE n % 2 WHEN 0 THEN 'pl4nted-a' ELSE 'pl4nted-b' END AS word FROM generate_series(1, 8) n) t;
";

/// What may be a secret is neither a choice nor copied into a column, and a column's default is a value as well.
#[test]
fn columns_of_secrets_are_not_copied() {
    let database = bed::postgres().database();
    database.psql(GUARDED);
    let desk = Desk::new();
    let (doors, told) = drafted(&desk, &format!("--from-table doors --store {}", database.dsn()));
    assert!(!doors.contains("pl4nted") && !told.err.contains("pl4nted"), "{doors}\n{}", told.err);
    assert!(told.err.contains("the column api_key is left out: its name speaks of a secret"), "{}", told.err);
    // the only fields with its value are secrets
    assert!(told.err.contains("the column hint is left out: no field"), "{}", told.err);
    let registry = loaded(&doors);
    let columns: Vec<_> = only(&registry).store.table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["colour"]);
    let words = format!("--from-table gates --group g.example.com --store {}", database.dsn());
    let (gates, told) = drafted(&desk, &words);
    assert!(!gates.contains("pl4nted") && !told.err.contains("pl4nted"), "{gates}\n{}", told.err);
    assert!(told.err.contains("the column password is a field alone: its name speaks of a secret"), "{}", told.err);
    let registry = loaded(&gates);
    let gate = only(&registry);
    assert_eq!(gate.store.table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["title"]);
    assert_eq!(gate.schema.openapi()["properties"]["password"]["type"], "string");
}
