//! A ninth kind by file alone: CRD, rights, table, watch, normalisation, row and status, with no line of code.

use orloj_operator::registry::Registry;
use orloj_operator::registry::crd::crds_yaml;

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
    // what the API server refuses follows from the rules of the file
    let metadata = json!({"name": "bad", "namespace": world.namespace});
    let refused = world.try_apply("Widget", &metadata, &json!({"size": " LARGE "}));
    let text = "spec.paint.colour: Invalid value: spec.paint.colour is required for a large widget";
    assert!(!refused.ok && refused.stderr.contains(text), "{refused:?}");
    let table = world.kubectl(&["get", "wd"]).expect_ok();
    assert!(table.starts_with("NAME"), "{table}");
    world.delete("Widget", "w");
    world.wait_no_row("Widget", "w");
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

/// The folder's text of the kind, under another name.
fn gadget(widget: &str) -> String {
    let plural = widget.replace("plural: widgets", "plural: gadgets").replace("table: widgets", "table: gadgets");
    plural
        .replace("kind: Widget", "kind: Gadget")
        .replace("[wd]", "[gd]")
        .replace("collection: widgets", "collection: gadgets")
}

/// The running operator's registry, as `/readyz` tells it.
fn told(world: &World) -> Result<String, String> {
    let body = world.operator().health("/readyz?verbose")?.body;
    body.lines().find(|line| line.contains("kinds ok")).map(str::to_owned).ok_or(body)
}

fn wait_told(world: &World, text: &str) {
    eventually(PATIENCE, &format!("/readyz tells {text}"), || match told(world) {
        Ok(line) if line.contains(text) => Ok(()),
        other => Err(format!("{other:?}; log:\n{}", world.log_tail())),
    });
}

#[test]
fn a_running_operator_takes_up_changed_kinds_and_loses_no_event() {
    let widget = include_str!("../kinds/widget.yaml");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gadget.yaml"), gadget(widget)).unwrap();
    let mut world = World::named("reload").kinds(folder.path()).start();
    world.apply("Memory", "m", &json!({"type": "vector"}));
    world.wait_synced("Memory", "m");
    let process = world.operator().process();
    wait_told(&world, "ok: 9 kinds");

    // refused: what was there goes on
    std::fs::write(folder.path().join("widget.yaml"), widget.replace("plural: widgets", "plurals: widgets")).unwrap();
    wait_told(&world, "is not taken up");
    assert!(world.operator().log().contains("did you mean `plural`?"), "{}", world.log_tail());
    assert!(world.operator().ready());
    world.apply("Memory", "n", &json!({"type": "vector"}));
    world.wait_synced("Memory", "n");

    // sound: taken up, while others are created, changed and deleted
    std::fs::write(folder.path().join("widget.yaml"), widget).unwrap();
    world.registry = Registry::load(Some(folder.path())).unwrap();
    world.cluster.establish(&crds_yaml(&world.registry));
    world.grant(&world.namespace, world.namespaces());
    let mut round = 0;
    while !told(&world).is_ok_and(|line| line.contains("ok: 10 kinds")) || round < 10 {
        round += 1;
        assert!(round < 1000, "not taken up; log:\n{}", world.log_tail());
        world.apply("Memory", "m", &json!({"type": "vector", "provider": format!("p{round}")}));
        world.apply("Memory", &format!("r{round}"), &json!({"type": "vector"}));
        if round % 3 == 0 {
            world.delete_later("Memory", &format!("r{}", round - 1));
        }
    }
    world.apply("Widget", "w", &json!({"paint": {"colour": "red"}}));
    world.wait_synced("Widget", "w");
    world.wait_row("Memory", "m", |row| row["spec"]["provider"] == format!("p{round}"));
    for n in 1..=round {
        if n % 3 == 2 && n < round {
            world.wait_no_row("Memory", &format!("r{n}"));
        } else {
            world.wait_row("Memory", &format!("r{n}"), |_| true);
        }
    }

    // gone again: its resource stays, and so does its row
    std::fs::remove_file(folder.path().join("widget.yaml")).unwrap();
    wait_told(&world, "ok: 9 kinds");
    world.apply("Memory", "n", &json!({"type": "vector", "provider": "last"}));
    world.wait_row("Memory", "n", |row| row["spec"]["provider"] == "last");
    assert!(world.row("Widget", "w").is_some());
    assert!(process.exited().is_none(), "it was restarted");
    world.wait_still();
}
