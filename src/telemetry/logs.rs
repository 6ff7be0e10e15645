//! Logs on standard error: for people on a terminal, else one JSON object a line.
//!
//! A JSON line has the keys `timestamp`, `level`, `message`, `target`, `fields` and, inside spans, `spans`.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields, MakeWriter};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::progress::Terminal;
use crate::config::LogFormat;

/// Libraries that say too much at `info` or log failures that we report ourselves. A directive in the configured
/// level overrides these: `kube_client=debug,info`.
const QUIET: &str =
    "kube_client=warn,kube_runtime=warn,sqlx=warn,hyper=warn,hyper_util=warn,tower=warn,rustls=warn,h2=warn";

/// Why logging can't start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("unable to log at log-level {directives:?}: {source}")]
    Level { directives: String, source: tracing_subscriber::filter::ParseError },
    #[error("unable to start logging: {0}")]
    Started(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Sends the process's logs to the terminal; once a process. `level` is what `RUST_LOG` takes.
pub fn init(level: &str, format: LogFormat, terminal: &Terminal) -> Result<(), LogError> {
    let human = match format {
        LogFormat::Auto => terminal.is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colors = terminal.is_terminal() && !no_color;
    let style = if human { Style::Human { colors } } else { Style::Json };
    tracing::subscriber::set_global_default(subscriber(level, style, terminal.clone())?)?;
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Style {
    Human { colors: bool },
    Json,
}

fn subscriber<W>(level: &str, style: Style, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(format!("{QUIET},{level}"))
        .map_err(|source| LogError::Level { directives: level.to_owned(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match style {
        Style::Human { colors } => Box::new(builder.with_ansi(colors).compact().finish()),
        Style::Json => Box::new(builder.fmt_fields(JsonFields::new()).event_format(JsonLine).finish()),
    })
}

/// Our own, since tracing-subscriber puts the message either among the fields or the fields beside the message.
struct JsonLine;

#[derive(Serialize)]
struct LogLine<'a> {
    timestamp: String,
    level: &'static str,
    message: String,
    target: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spans: Vec<Value>,
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut spans = Vec::new();
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let text = extensions.get::<FormattedFields<N>>().map_or("{}", |formatted| formatted.fields.as_str());
            let mut object: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
            object.insert("name".to_owned(), Value::from(span.name()));
            spans.push(Value::Object(object));
        }
        let line = LogLine {
            timestamp: format!("{:.6}", jiff::Timestamp::now()),
            level: event.metadata().level().as_str(),
            message: fields.message,
            target: event.metadata().target(),
            fields: fields.others,
            spans,
        };
        let text = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(out, "{text}")
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.others.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" { self.message = text } else { self.put(field, text) }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" { value.clone_into(&mut self.message) } else { self.put(field, value) }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, style: Style, act: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(level, style, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, act);
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_have_stable_keys() {
        let text = logged("info", Style::Json, || {
            let span = tracing::info_span!("batch", table = "widgets");
            let _entered = span.enter();
            tracing::info!(rows = 3, kind = "Widget", outcome = %"written", "committed \"a\"\nbatch");
            tracing::debug!("not at this level");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with("{\"timestamp\":\"20"), "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "committed \"a\"\nbatch");
        assert_eq!(line["target"], "orloj_operator::telemetry::logs::tests");
        assert_eq!(line["fields"], serde_json::json!({"rows": 3, "kind": "Widget", "outcome": "written"}));
        assert_eq!(line["spans"], serde_json::json!([{"name": "batch", "table": "widgets"}]));
        assert!(line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    }

    #[test]
    fn libraries_are_quiet_until_asked() {
        let noise = || {
            tracing::info!(target: "kube_client::client", "noise");
            tracing::warn!(target: "sqlx::query", "slow");
        };
        let text = logged("debug", Style::Json, noise);
        assert!(!text.contains("noise") && text.contains("slow"), "{text}");
        assert!(logged("kube_client=info,warn", Style::Json, noise).contains("noise"));
    }

    #[test]
    fn human_lines_without_colours_hold_no_escapes() {
        let text = logged("info", Style::Human { colors: false }, || tracing::info!(rows = 3, "committed"));
        assert!(text.contains("INFO") && text.contains("committed rows=3"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        let text = logged("info", Style::Human { colors: true }, || tracing::info!("committed"));
        assert!(text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_bad_level_is_told() {
        let error = subscriber("a=loud", Style::Json, io::sink).err().unwrap();
        assert!(error.to_string().contains("a=loud"), "{error}");
    }
}
