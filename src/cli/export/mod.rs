//! `export`: rows as manifests that kubectl applies.

mod selector;
mod sink;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kube::core::{Selector, SelectorExt as _};

use super::args::ExportArgs;
use super::{CliError, CommandStatus, output, secret_key, store};
use crate::config::Config;
use crate::crypto::Vault;
use crate::export::{self, ExportError, Values};
use crate::registry::{Kind, Registry};
use crate::resource::MASK;
use crate::store::{RowStore, StoredRow};

use sink::{Folder, Sink, SinkError, Written};

/// Rows read at a time.
const PAGE: u32 = 500;

/// What is exported, how and where to.
struct Export<'a> {
    args: &'a ExportArgs,
    selector: Selector,
    vault: Vault,
    sink: Sink,
    tally: ExportTally,
}

/// What became of the rows.
#[derive(Debug, Default)]
struct ExportTally {
    written: usize,
    same: usize,
    masked: usize,
    left_out: usize,
    failed: usize,
}

pub async fn run(args: &ExportArgs, config: &Config, registry: &Arc<Registry>) -> Result<CommandStatus, CliError> {
    let kinds = kinds(registry, &args.kinds)?;
    let selector = selector::parse(args.selector.as_deref().unwrap_or_default())
        .map_err(|error| CliError::Usage(error.to_string()))?;
    let store = store::open_existing(&store::url(args.store.as_ref(), config)?).await?;
    let sink = match &args.out {
        None => Sink::stream(args.output),
        Some(root) => {
            make_folder(root)?;
            Sink::Folder(Folder { root: root.clone(), format: args.output, force: args.force })
        }
    };
    let vault = Vault::new(secret_key(config)?);
    let mut export = Export { args, selector, vault, sink, tally: ExportTally::default() };
    let rows = store::close_after(store.as_ref(), async {
        for kind in kinds {
            export.kind(store.as_ref(), kind).await?;
        }
        Ok::<_, CliError>(())
    });
    rows.await?;
    export.finish()
}

fn make_folder(root: &Path) -> Result<(), CliError> {
    let path = root.display();
    match root.metadata() {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(CliError::Usage(format!("unable to write into {path}: --out is a file, not a folder"))),
        Err(_) => {}
    }
    std::fs::create_dir_all(root)
        .map_err(|error| CliError::Usage(format!("unable to make the folder {path} for --out: {error}")))
}

/// The kinds that were named, else all, in the registry's order.
fn kinds<'r>(registry: &'r Registry, words: &[String]) -> Result<Vec<&'r Kind>, CliError> {
    let mut wanted = Vec::new();
    for word in words {
        let found = super::get::kinds(registry, word)?;
        wanted.extend(found.into_iter().map(|kind| kind.index));
    }
    // of an object of another's kind the row holds a part alone
    Ok(registry.own_kinds().filter(|kind| words.is_empty() || wanted.contains(&kind.index)).collect())
}

impl Export<'_> {
    async fn kind(&mut self, store: &dyn RowStore, kind: &Kind) -> Result<(), CliError> {
        let mut after: Option<String> = None;
        loop {
            let page = store.rows(&kind.store.table, after.as_deref(), PAGE).await?;
            let Some(last) = page.last().map(|row| row.key.clone()) else { return Ok(()) };
            for row in page {
                self.row(kind, row)?;
            }
            after = Some(last);
        }
    }

    fn row(&mut self, kind: &Kind, row: StoredRow) -> Result<(), CliError> {
        if !self.wants(&row) {
            return Ok(());
        }
        let what = format!("{} {}", kind.names.kind, row.key);
        match self.write(kind, row, &what) {
            Ok(Written::New) => self.tally.written += 1,
            Ok(Written::Same) => self.tally.same += 1,
            Err(ExportFailure::Sink(SinkError::Stream(error))) => return Err(error.into()),
            Err(ExportFailure::Export(ExportError::Others(why))) => {
                self.tally.left_out += 1;
                output::note(&output::plain(&format!("note: {what}: left out: {why}")));
            }
            Err(error) => {
                self.tally.failed += 1;
                output::note(&output::plain(&format!("error: {what}: {error}")));
            }
        }
        Ok(())
    }

    fn wants(&self, row: &StoredRow) -> bool {
        let namespace = row.key.split_once('/').map_or("", |(namespace, _)| namespace);
        let labels = row.payload["metadata"]["labels"].as_object().into_iter().flatten();
        let labels: BTreeMap<String, String> =
            labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        (self.args.namespaces.is_empty() || self.args.namespaces.iter().any(|wanted| wanted == namespace))
            && self.selector.matches(&labels)
    }

    fn write(&mut self, kind: &Kind, mut row: StoredRow, what: &str) -> Result<Written, ExportFailure> {
        let mut values = Values::Open;
        if let Some(data) = kind.secret_data_mut(&mut row.payload).filter(|data| !data.is_empty()) {
            if self.args.reveal {
                *data = self.vault.open_data(data).map_err(|error| ExportFailure::Unreadable(error.to_string()))?;
            } else {
                values = Values::Masked(MASK);
            }
        }
        let manifest = export::manifest(kind, &row.key, &row.payload, values)?;
        if !manifest.unknown.is_empty() {
            let fields = manifest.unknown.join(", ");
            let note = format!("note: {what}: left out {fields}, which this version of the kind does not know");
            output::note(&output::plain(&note));
        }
        self.tally.masked += usize::from(values != Values::Open);
        Ok(self.sink.write(kind, &manifest.object, &manifest.value, kind.sensitive && self.args.reveal)?)
    }

    fn finish(self) -> Result<CommandStatus, CliError> {
        let tally = &self.tally;
        if self.args.out.is_some() {
            output::note(&format!("{} written, {} unchanged", tally.written, tally.same));
        }
        if tally.masked > 0 {
            let masked = tally.masked;
            output::note(&format!(
                "note: {masked} with secret values, which are exported as {MASK}; --reveal exports them as they are"
            ));
        }
        if tally.written + tally.same + tally.left_out + tally.failed == 0 {
            output::note("no rows");
        }
        let ended = CommandStatus::success_if(tally.failed == 0);
        self.sink.finish()?;
        Ok(ended)
    }
}

/// Why a row was not exported.
#[derive(Debug, thiserror::Error)]
enum ExportFailure {
    #[error("unable to read its secret values: {0}; give the key that orlojd has")]
    Unreadable(String),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Sink(#[from] SinkError),
}
