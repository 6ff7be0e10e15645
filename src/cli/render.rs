//! `render`: the payload that would be stored, or the error, one JSON line for each resource read.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use super::args::RenderArgs;
use super::{CliError, CommandStatus, check_paths, output};
use crate::apimachinery::field_path::FieldPath;
use crate::registry::{Kind, Registry};
use crate::resource::MASK;
use crate::source::manifest::locate::Last;
use crate::source::manifest::{Manifest, ManifestError, ManifestReader, ReadResult, files};

#[derive(Serialize)]
#[serde(untagged)]
enum RenderedLine {
    Payload {
        payload: Value,
    },
    Error {
        error: String,
        file: String,
        /// From 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<usize>,
        /// From 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        column: Option<usize>,
    },
}

impl RenderedLine {
    fn error(file: &Path, line: usize, column: usize, error: String) -> Self {
        let some = |number: usize| (number > 0).then_some(number);
        Self::Error { error, file: file.display().to_string(), line: some(line), column: some(column) }
    }

    fn unreadable(error: ManifestError) -> Self {
        Self::error(&error.file, error.line, error.column, error.text)
    }
}

/// Compact JSON on one line for every reader: some take U+0085, U+2028 and U+2029 for the end of it.
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(['\u{85}', '\u{2028}', '\u{2029}']) {
            let (before, from) = rest.split_at(at);
            let mut others = from.chars();
            out.write_all(before.as_bytes())?;
            if let Some(end) = others.next() {
                write!(out, "\\u{:04x}", u32::from(end))?;
            }
            rest = others.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}

/// Nothing is held but the document at hand.
pub fn run(args: &RenderArgs, registry: &Arc<Registry>) -> Result<CommandStatus, CliError> {
    check_paths(&args.paths)?;
    let reader = ManifestReader::new(Arc::clone(registry));
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut well = true;
    let mut hidden = false;
    let mut result = Ok(());
    let mut write = |line: RenderedLine| {
        well &= matches!(line, RenderedLine::Payload { .. });
        line.serialize(&mut Serializer::with_formatter(&mut out, OneLine)).map_err(io::Error::from)?;
        out.write_all(b"\n")
    };
    files::walk(&args.paths, &mut |entry| {
        if result.is_err() {
            return;
        }
        match entry {
            Err(error) => result = write(RenderedLine::unreadable(error)),
            Ok(file) => {
                let mut last = Last::default();
                reader.read_file(&file, &mut |found, text| {
                    result = match found {
                        ReadResult::Foreign => Ok(()),
                        ReadResult::Error(error) => write(RenderedLine::unreadable(error)),
                        ReadResult::Manifest(manifest) => {
                            let kind = registry.kind(manifest.resource.id.kind);
                            hidden |= kind.sensitive && !args.reveal;
                            let locate = |path: &FieldPath| last.position(&manifest.place, text, path);
                            write(line(kind, &manifest, args.reveal, locate))
                        }
                    };
                    result.is_ok()
                });
            }
        }
    });
    result?;
    out.flush()?;
    if hidden && io::stderr().is_terminal() {
        output::note("note: secret values are shown as ***; --reveal shows them");
    }
    Ok(CommandStatus::success_if(well))
}

/// `locate` finds the line and the column of a value.
fn line(
    kind: &Kind,
    manifest: &Manifest,
    reveal: bool,
    locate: impl FnOnce(&FieldPath) -> (usize, usize),
) -> RenderedLine {
    match kind.desired(&manifest.resource) {
        Ok(desired) => {
            let mut payload = kind.payload(&desired, None, &Value::Null);
            if let Some(data) = kind.secret_data_mut(&mut payload).filter(|_| !reveal) {
                data.values_mut().for_each(|value| *value = MASK.into());
            }
            RenderedLine::Payload { payload }
        }
        Err(invalid) => {
            let (line, column) = locate(&invalid.path);
            RenderedLine::error(&manifest.place.file, line, column, invalid.text)
        }
    }
}
