//! What happens while the operator is down.

use serde_json::json;

use crate::crowd;
use crate::world::{PATIENCE, World};

/// `Convergence` and `NoLostDelete`: changed, deleted, torn out, made anew, moved and made for the first time.
#[test]
fn resources_change_and_go_while_the_operator_is_down() {
    let world = World::start("down");
    crowd::create(&world, 60);
    world.wait_settled();
    world.operator().stop();
    crowd::change(&world, 0..10);
    crowd::delete(&world, 10..20);
    crowd::tear_out(&world, 20..40);
    // the same names, other resources
    crowd::create_some(&world, 30..40);
    crowd::create_some(&world, 60..70);
    world.annotate("Memory", "c40", "orloj.dev/target-namespace=elsewhere");
    world.apply("Memory", "short-lived", &json!({"type": "kv"}));
    world.delete("Memory", "short-lived");
    assert_eq!(crowd::rows(&world), 60);
    world.operator().start_again();
    world.operator().wait_ready(PATIENCE);
    world.wait_settled();
    assert_eq!(crowd::rows(&world), 50);
    assert_eq!(world.row("Memory", "c40"), None);
    assert!(world.row_at("Memory", "elsewhere", "c40").is_some());
}
