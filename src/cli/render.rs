//! `render`: the payload that would be stored, or the error, one JSON line for each resource read.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use super::{CliError, Ended, check_paths, output};
use crate::registry::Registry;
use crate::resource::Resource;
use crate::source::manifest::{Found, Reader, files};

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Payload(Value),
    Error(String),
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
pub fn run(paths: &[PathBuf], registry: &Arc<Registry>) -> Result<Ended, CliError> {
    check_paths(paths)?;
    let reader = Reader::new(Arc::clone(registry));
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut well = true;
    let mut clear = false;
    let mut result = Ok(());
    let mut write = |line: Line| {
        well &= matches!(line, Line::Payload(_));
        line.serialize(&mut Serializer::with_formatter(&mut out, OneLine)).map_err(io::Error::from)?;
        out.write_all(b"\n")
    };
    files::walk(paths, &mut |entry| {
        if result.is_err() {
            return;
        }
        match entry {
            Err(error) => result = write(Line::Error(error.to_string())),
            Ok(file) => reader.read_file(&file, &mut |found| {
                result = match found {
                    Found::Foreign => Ok(()),
                    Found::Error(error) => write(Line::Error(error.to_string())),
                    Found::Manifest(manifest) => {
                        clear |= registry.kind(manifest.resource.id.kind).sensitive;
                        write(line(registry, &manifest.resource))
                    }
                };
                result.is_ok()
            }),
        }
    });
    result?;
    out.flush()?;
    if clear && io::stderr().is_terminal() {
        output::note("note: secret values are shown as they are before encryption");
    }
    Ok(Ended::well_if(well))
}

fn line(registry: &Registry, resource: &Resource) -> Line {
    let kind = registry.kind(resource.id.kind);
    match kind.desired(resource) {
        Ok(desired) => Line::Payload(kind.payload(&desired, None, &Value::Null)),
        Err(invalid) => Line::Error(invalid.text),
    }
}
