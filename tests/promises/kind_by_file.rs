//! A ninth kind by file alone: CRD, rights, table, watch, normalisation, row and status, with no line of code.

use serde_json::json;

use crate::bed::eventually;
use crate::world::{PATIENCE, World, condition};

#[test]
fn a_widget_needs_no_code() {
    let world = World::named("widget").kinds(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kinds")).start();
    world.apply("Widget", "w", &json!({"size": " LARGE ", "paint": {"colour": " red "}, "tags": ["a", "A", " "]}));
    let object = world.wait_synced("Widget", "w");
    assert_eq!(condition(&object["status"], "Ready")["status"], "True");
    let row = world.row("Widget", "w").unwrap();
    assert_eq!(row["spec"]["size"], "large");
    assert_eq!(row["spec"]["tags"], json!(["a"]));
    let columns = world.database.psql("select size, colour, status_phase from widgets");
    assert_eq!(columns.trim(), "large\tred\tpending");
    world.apply("Widget", "bad", &json!({"size": "large"}));
    let told = world.wait_failed("Widget", "bad", "InvalidSpec");
    assert_eq!(told["status"]["syncError"], "spec.paint.colour is required for a large widget");
    world.delete("Widget", "w");
    world.wait_no_row("Widget", "w");
    let table = world.kubectl(&["get", "wd"]).expect_ok();
    assert!(table.starts_with("NAME"), "{table}");
}

#[test]
fn a_new_column_is_filled_for_the_rows_that_stand() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kinds/widget.yaml");
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let without = text.replace("    colour: {from: spec.paint.colour}\n", "");
    assert_ne!(text, without);
    let kind = folder.path().join("widget.yaml");
    std::fs::write(&kind, without).unwrap();
    let world = World::named("column").kinds(folder.path()).start();
    world.apply("Widget", "w", &json!({"paint": {"colour": "red"}}));
    world.wait_synced("Widget", "w");
    world.operator().stop();
    std::fs::write(&kind, text).unwrap();
    world.operator().start_again();
    eventually(PATIENCE, "the column is filled", || {
        let told = world.database.try_psql("select colour from widgets");
        if told.as_deref().map(str::trim) == Ok("red") { Ok(()) } else { Err(format!("{told:?}")) }
    });
    world.wait_still();
}
