//! The names and labels that dashboards know, in both formats.

use super::*;

fn used() -> Metrics {
    let metrics = Metrics::new("1.2.3", "abc");
    let ms = Duration::from_millis(3);
    for result in [Reconciled::Success, Reconciled::Error, Reconciled::TerminalError] {
        metrics.reconciled("Widget", result, ms);
    }
    metrics.workers("Widget", 1, 8);
    let queue = metrics.queue("Widget");
    queue.added();
    queue.depth(7);
    queue.waited(ms);
    queue.worked(ms);
    queue.retried();
    queue.under_way(Duration::from_millis(1500), Duration::from_secs(1));
    metrics.api_request("PATCH", "200");
    metrics.leading("orloj-operator-leader", true);
    metrics.synced("Widget", ms);
    metrics.resources("Widget", ResourceState::Synced, 12);
    metrics.batch("widgets", "committed", 100, ms);
    metrics.rows("widgets", RowAction::Insert, 100);
    metrics.api_write("Widget", ApiWrite::Status, "ok");
    metrics.error("transient");
    metrics
}

const SAMPLES: &[&str] = &[
    r#"controller_runtime_reconcile_total{controller="widget",result="success"} 1"#,
    r#"controller_runtime_reconcile_total{controller="widget",result="error"} 2"#,
    r#"controller_runtime_reconcile_total{controller="widget",result="requeue"} 0"#,
    r#"controller_runtime_reconcile_total{controller="widget",result="requeue_after"} 0"#,
    r#"controller_runtime_reconcile_errors_total{controller="widget"} 2"#,
    r#"controller_runtime_terminal_reconcile_errors_total{controller="widget"} 1"#,
    r#"controller_runtime_reconcile_time_seconds_count{controller="widget"} 3"#,
    r#"controller_runtime_active_workers{controller="widget"} 1"#,
    r#"controller_runtime_max_concurrent_reconciles{controller="widget"} 8"#,
    r#"workqueue_depth{name="widget",controller="widget"} 7"#,
    r#"workqueue_adds_total{name="widget",controller="widget"} 1"#,
    r#"workqueue_queue_duration_seconds_count{name="widget",controller="widget"} 1"#,
    r#"workqueue_work_duration_seconds_count{name="widget",controller="widget"} 1"#,
    r#"workqueue_retries_total{name="widget",controller="widget"} 1"#,
    r#"workqueue_unfinished_work_seconds{name="widget",controller="widget"} 1.5"#,
    r#"workqueue_longest_running_processor_seconds{name="widget",controller="widget"} 1.0"#,
    r#"rest_client_requests_total{code="200",method="PATCH"} 1"#,
    r#"leader_election_master_status{name="orloj-operator-leader"} 1"#,
    r#"orloj_operator_sync_lag_seconds_count{kind="Widget"} 1"#,
    r#"orloj_operator_resources{kind="Widget",state="synced"} 12"#,
    r#"orloj_operator_store_batches_total{table="widgets",outcome="committed"} 1"#,
    r"orloj_operator_store_batch_rows_sum 100.0",
    r#"orloj_operator_store_batch_seconds_count{table="widgets"} 1"#,
    r#"orloj_operator_store_rows_total{table="widgets",action="insert"} 100"#,
    r#"orloj_operator_api_writes_total{kind="Widget",what="status",outcome="ok"} 1"#,
    r#"orloj_operator_errors_total{class="transient"} 1"#,
    r#"orloj_operator_build_info{version="1.2.3",registry="abc"} 1"#,
];

#[test]
fn both_formats_have_the_names_that_dashboards_know() {
    let metrics = used();
    let openmetrics = metrics.expose(Some("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.4"));
    let text = metrics.expose(None);
    assert_eq!((openmetrics.content_type, text.content_type), (OPENMETRICS, TEXT));
    for sample in SAMPLES {
        for body in [&openmetrics.body, &text.body] {
            assert!(body.lines().any(|line| line == *sample), "{sample}\n{body}");
        }
    }
    assert!(!openmetrics.body.contains("_total_total") && !openmetrics.body.contains("_info_info"));
}

#[test]
fn openmetrics_names_families_without_suffix_and_ends_with_eof() {
    let body = used().expose(Some("application/openmetrics-text")).body;
    assert!(body.contains("# TYPE controller_runtime_reconcile counter\n"), "{body}");
    assert!(body.contains("# TYPE orloj_operator_build info\n"));
    assert!(body.ends_with("# EOF\n"));
}

#[test]
fn the_older_text_names_families_as_their_samples() {
    let body = used().expose(Some("text/plain")).body;
    for line in [
        "# TYPE controller_runtime_reconcile_total counter",
        "# HELP controller_runtime_reconcile_total Reconciliations by result.",
        "# TYPE orloj_operator_build_info gauge",
        "# TYPE orloj_operator_sync_lag_seconds histogram",
        "# TYPE workqueue_depth gauge",
    ] {
        assert!(body.lines().any(|found| found == line), "{line}\n{body}");
    }
    assert!(!body.contains("# EOF") && !body.contains("# UNIT"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_tells_its_own_figures() {
    let body = used().expose(None).body;
    for name in ["process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_start_time_seconds "] {
        assert!(body.lines().any(|line| line.starts_with(name)), "{name}\n{body}");
    }
}

#[test]
fn two_sets_share_nothing() {
    let other = Metrics::new("1", "r");
    used();
    assert!(!other.expose(None).body.contains("transient"));
}

#[test]
fn changed_kinds_change_what_is_shown() {
    let metrics = used();
    let _ = metrics.queue("Gadget");
    metrics.registry("def");
    metrics.forget("Widget");
    let body = metrics.expose(None).body;
    assert!(body.contains(r#"registry="def""#) && !body.contains(r#"registry="abc""#), "{body}");
    let shown = |sample: &str| body.lines().any(|line| line.starts_with(sample));
    for gone in [
        r#"orloj_operator_resources{kind="Widget""#,
        r#"workqueue_depth{name="widget""#,
        r#"controller_runtime_active_workers{controller="widget""#,
    ] {
        assert!(!shown(gone), "{gone}\n{body}");
    }
    assert!(shown(r#"workqueue_depth{name="gadget""#) && shown(r#"workqueue_adds_total{name="widget""#), "{body}");
}
