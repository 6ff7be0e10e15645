//! The text of `/metrics`: `OpenMetrics` for who asks for it, Prometheus' older text format for all others.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// Content type of `OpenMetrics`, which Prometheus asks for.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Content type of the older format, which everything reads.
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A response's content type and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposition {
    pub content_type: &'static str,
    pub body: String,
}

pub(super) fn expose(registry: &Registry, accept: Option<&str>) -> Exposition {
    let mut body = String::new();
    // writing into a String cannot fail; a collector of ours that failed would cost its own lines only
    let _ = encode(&mut body, registry);
    if accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
        return Exposition { content_type: OPENMETRICS, body };
    }
    Exposition { content_type: TEXT, body: older_text(&body) }
}

/// `OpenMetrics` names the family of a counter or an info without the suffix that its samples have; the older format
/// names it as the samples are named, and knows no info, no units and no end mark.
fn older_text(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help: Option<&str> = None;
    for line in openmetrics.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
        } else if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.rsplit_once(' ').unwrap_or((family, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            let about = help.take().and_then(|line| line.strip_prefix("# HELP ")?.split_once(' '));
            if let Some((_, about)) = about {
                text.push_str(&["# HELP ", name, suffix, " ", about, "\n"].concat());
            }
            text.push_str(&["# TYPE ", name, suffix, " ", kind, "\n"].concat());
        } else if line != "# EOF" && !line.starts_with("# UNIT ") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}
