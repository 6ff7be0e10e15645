//! `NoPlaintext`: with a key configured, secret material is nowhere in the clear.

use serde_json::json;

use crate::world::{KEY, PATIENCE, World};

const PLANTED: &str = "pl4nted-s3cret-v4lue";

#[test]
fn a_planted_value_is_found_nowhere() {
    let world = World::named("planted").env("ORLOJ_SECRET_ENCRYPTION_KEY", KEY).start();
    let encoded = base64(PLANTED);
    world.apply("Secret", "token", &json!({"stringData": {"k": PLANTED}, "data": {"other": encoded}}));
    world.wait_synced("Secret", "token");
    // refused for its metadata, so that an error is made of it as well
    world.apply("Secret", "bad", &json!({"data": {"k": format!("{PLANTED}%%")}}));
    world.wait_failed("Secret", "bad", "InvalidSpec");
    let row = world.row("Secret", "token").unwrap();
    assert!(row["spec"]["data"]["k"].as_str().unwrap().starts_with("enc:"), "{row}");
    world.wait_quiet();
    let everything = [
        ("log", world.operator().log()),
        ("metrics", world.operator().metrics().unwrap()),
        ("readyz", world.operator().health("/readyz?verbose").unwrap().body),
        ("events", world.kubectl(&["get", "events.events.k8s.io", "-o", "json"]).expect_ok()),
        ("status", world.object("Secret", "token")["status"].to_string()),
        ("error", world.object("Secret", "bad")["status"].to_string()),
        ("rows", world.database.psql("select payload from secrets")),
        ("ledger", world.database.psql("select * from orloj_operator.ledger")),
    ];
    for (place, text) in everything {
        for needle in [PLANTED, &encoded, KEY] {
            assert!(!text.contains(needle), "found in {place}: {text}");
        }
    }
}

#[test]
fn a_wrong_key_is_told_and_overwrites_nothing() {
    let mut world = World::named("wrongkey").env("ORLOJ_SECRET_ENCRYPTION_KEY", KEY).start();
    world.apply("Secret", "token", &json!({"stringData": {"k": PLANTED}}));
    world.apply("Memory", "notes", &json!({"type": "kv"}));
    world.wait_synced("Secret", "token");
    let before = world.row("Secret", "token");
    world.operator().stop();
    for wrong in ["f".repeat(64), String::new()] {
        world.set_env("ORLOJ_SECRET_ENCRYPTION_KEY", &wrong);
        world.start_operator().wait_ready(PATIENCE);
        world.apply("Secret", "token", &json!({"stringData": {"k": format!("changed {}", wrong.len())}}));
        let told = world.wait_failed("Secret", "token", "SecretUnreadable");
        let text = told["status"]["syncError"].as_str().unwrap();
        assert!(text.starts_with("secret decryption: key \"k\""), "{text}");
        assert_eq!(world.row("Secret", "token"), before, "neither downgraded nor overwritten");
        world.apply("Memory", "notes", &json!({"type": format!("v{}", wrong.len())}));
        world.wait_synced("Memory", "notes");
        world.operator().stop();
    }
    world.set_env("ORLOJ_SECRET_ENCRYPTION_KEY", KEY);
    world.start_operator().wait_ready(PATIENCE);
    world.wait_synced("Secret", "token");
}

#[test]
fn a_row_in_the_clear_is_sealed_once_there_is_a_key() {
    let mut world = World::start("seal");
    world.apply("Secret", "token", &json!({"stringData": {"k": PLANTED}}));
    world.wait_row("Secret", "token", |row| row["spec"]["data"]["k"] == base64(PLANTED).as_str());
    assert!(world.operator().log().contains("NO ENCRYPTION KEY"));
    world.operator().stop();
    world.set_env("ORLOJ_SECRET_ENCRYPTION_KEY", KEY);
    world.start_operator();
    let row = world.wait_row("Secret", "token", |row| {
        row["spec"]["data"]["k"].as_str().is_some_and(|value| value.starts_with("enc:"))
    });
    assert_eq!(row["metadata"]["generation"], 1, "its meaning has not changed");
}

#[test]
fn required_encryption_without_a_key_refuses() {
    let world = World::named("required").arg("--require-encryption").start();
    world.apply("Secret", "token", &json!({"stringData": {"k": PLANTED}}));
    world.wait_failed("Secret", "token", "EncryptionRequired");
    assert_eq!(world.row("Secret", "token"), None);
}

fn base64(text: &str) -> String {
    orloj_operator::go_compat::base64::encode(text.as_bytes())
}
