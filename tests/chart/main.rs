//! The chart, installed by helm 3 and helm 4 into a real API server, its pods run by the bed's stand-in for a node.
//!
//! A lifecycle has a control plane of its own, since a release owns the custom resource definitions of its cluster. All
//! other tests share one: their releases bring no definitions and watch their own namespaces only.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]
#![allow(clippy::float_cmp, reason = "counters are whole numbers")]

#[path = "../bed/mod.rs"]
mod bed;

mod broken;
mod leaving;
mod lifecycle;
mod node;
mod release;
mod replicas;
mod scope;
mod site;

/// What the chart takes out of `kinds/` is what the program prints now.
#[test]
fn generated_files_are_fresh() {
    let output = std::process::Command::new("tests/chart/generate.sh").args([site::PROGRAM, "--check"]).output();
    let output = output.expect("generate.sh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
