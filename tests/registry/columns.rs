//! Derived columns of types other than text.

use orloj_operator::registry::{Kind, Registry};
use orloj_operator::store::ColumnValue::{self, Boolean, Integer, Timestamp};
use serde_json::{Value, json};

use super::{WIDGET, resource};

/// The widget with a column of each type.
fn gauges() -> Registry {
    let columns = "    colour: {from: spec.paint.colour}
    suspend: {from: spec.suspend, type: boolean, default: true}
    weight: {from: spec.weight, type: integer, default: 7}
    weight_text: {from: spec.weight}
    due: {from: spec.due, type: timestamp}
    made: {from: metadata.createdAt, type: timestamp}
    seen: {from: status.seen, type: boolean}
";
    let fields =
        "    suspend: {type: boolean, description: Off.}\n    due: {type: string, description: When.}\n    tags:\n";
    let text = WIDGET.replace("    colour: {from: spec.paint.colour}\n", columns).replace("    tags:\n", fields);
    Registry::from_files([("gauge.yaml".to_owned(), text)]).unwrap_or_else(|error| panic!("{error}"))
}

fn columns(kind: &Kind, spec: Value, status: &Value) -> Vec<ColumnValue> {
    let desired = kind.desired(&resource(kind, spec)).unwrap_or_else(|error| panic!("{error}"));
    kind.columns(&kind.payload(&desired, None, status)).split_off(2)
}

#[test]
fn a_column_has_the_value_of_its_type() {
    let registry = gauges();
    let kind = &registry.kinds()[0];
    let none = [Boolean(false), Integer(0), "".into(), Timestamp(None), Timestamp(None), Boolean(false)];
    assert_eq!(columns(kind, json!({}), &Value::Null), none);
    // 12:30 at two hours east; what is below a microsecond is cut off
    let spec = json!({"suspend": true, "weight": 42, "due": " 2024-02-29T12:30:00.1234567+02:00 "});
    let due = Timestamp(Some(1_709_202_600_123_456));
    let full = [Boolean(true), Integer(42), "42".into(), due, Timestamp(None), Boolean(true)];
    assert_eq!(columns(kind, spec, &json!({"seen": true})), full);
    // a status is anybody's
    assert_eq!(columns(kind, json!({"due": "soon"}), &json!({"seen": "yes"})), none);
    let due = Timestamp(Some(-1)).json();
    assert_eq!(due, "1969-12-31T23:59:59.999999Z");
}

/// Rows are not written anew by an upgrade of the program: the mark of text columns is as it was.
#[test]
fn types_mark_a_row_and_text_does_not() {
    let codec = |registry: &Registry| {
        let kind = &registry.kinds()[0];
        orloj_operator::store::sealing::Codec::new(
            std::sync::Arc::new(orloj_operator::crypto::Fingerprinter::new([0; 32], None)),
            orloj_operator::crypto::Vault::new(None),
        )
        .fingerprint(kind, b"meaning")
    };
    let load = |text: String| Registry::from_files([("w.yaml".to_owned(), text)]).unwrap_or_else(|e| panic!("{e}"));
    let plain = load(WIDGET.replace("colour: {from: spec.paint.colour}", "weight: {from: spec.weight}"));
    let said = load(WIDGET.replace("colour: {from: spec.paint.colour}", "weight: {from: spec.weight, type: text}"));
    let typed = load(WIDGET.replace("colour: {from: spec.paint.colour}", "weight: {from: spec.weight, type: integer}"));
    assert_eq!(codec(&plain), codec(&said));
    assert_ne!(codec(&plain), codec(&typed));
}

#[test]
fn cases_state_values_by_their_types() {
    let registry = gauges();
    let text = "- name: all
  given: {spec: {suspend: true, weight: 3, due: 2024-02-29T12:30:00+02:00}}
  expect:
    row:
      columns:
        {size: medium, colour: '', suspend: true, weight: 3, weight_text: '3', due: 2024-02-29T10:30:00Z, made: null, seen: false}
";
    let kind = &registry.kinds()[0];
    let run = |text: &str| orloj_operator::authoring::cases::run(kind, "g.test.yaml", text);
    assert_eq!(run(text).unwrap_or_else(|p| panic!("{p:?}"))[0].diff, None);
    let wrong = run(&text.replace("weight: 3, weight_text", "weight: '3', weight_text"));
    assert!(wrong.unwrap_or_else(|p| panic!("{p:?}"))[0].diff.is_some(), "a text is no number");
}
