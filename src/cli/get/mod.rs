//! `get`: what the store holds.

mod columns;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::args::{GetArgs, OutputFormat};
use super::{CliError, CommandStatus, output, store};
use crate::config::Config;
use crate::orlojd::SEALED_PREFIX;
use crate::registry::{Kind, Registry};
use crate::store::{RowStore, StoredRow};

/// Rows read at a time.
const PAGE: u32 = 1_000;

pub async fn run(args: &GetArgs, config: &Config, registry: &Arc<Registry>) -> Result<CommandStatus, CliError> {
    let kinds = kinds(registry, &args.kind)?;
    let store = store::open_existing(&store::url(args.store.as_ref(), config)?).await?;
    let found = store::close_after(store.as_ref(), async {
        let mut found = Vec::new();
        for kind in kinds {
            let rows = read(store.as_ref(), kind, args).await?;
            found.push((kind, rows.into_iter().map(|row| mask(kind, row)).collect::<Vec<_>>()));
        }
        Ok::<_, CliError>(found)
    });
    let found = found.await?;
    let count: usize = found.iter().map(|(_, rows)| rows.len()).sum();
    if count == 0
        && let Some(name) = &args.name
    {
        output::note(&format!(
            "error: unable to find {} {}/{name}: the store has no such row",
            args.kind, args.namespace
        ));
        return Ok(CommandStatus::Failed);
    }
    match args.output {
        OutputFormat::Table if count == 0 && args.all_namespaces => output::note("no rows"),
        OutputFormat::Table if count == 0 => {
            output::note(&format!("no rows in namespace {}; -A shows all namespaces", args.namespace));
        }
        OutputFormat::Table => print_tables(args, &found)?,
        OutputFormat::Json => output::json(&payloads(args, found))?,
        OutputFormat::Yaml => output::yaml(&payloads(args, found))?,
    }
    Ok(CommandStatus::Success)
}

/// The kinds that a word means.
pub fn kinds<'r>(registry: &'r Registry, word: &str) -> Result<Vec<&'r Kind>, CliError> {
    if word == "all" {
        return Ok(registry.kinds().iter().filter(|kind| kind.home == kind.index).collect());
    }
    let Some(index) = registry.resolve(word) else {
        let names: Vec<_> = registry.kinds().iter().map(|kind| kind.names.plural.as_str()).collect();
        let names = names.join(", ");
        return Err(CliError::Usage(format!("unable to tell the kind {word}: it is one of {names}, or all")));
    };
    Ok(vec![registry.kind(index)])
}

/// In key order.
async fn read(store: &dyn RowStore, kind: &Kind, args: &GetArgs) -> Result<Vec<StoredRow>, CliError> {
    let table = &kind.store.table;
    if let Some(name) = &args.name {
        let row = store.row(table, &format!("{}/{name}", args.namespace)).await?;
        return Ok(row.into_iter().collect());
    }
    // keys begin with their namespace, so one namespace is one stretch of them
    let prefix = if args.all_namespaces { String::new() } else { format!("{}/", args.namespace) };
    let mut rows = Vec::new();
    let mut after = (!prefix.is_empty()).then(|| prefix.clone());
    loop {
        let page = store.rows(table, after.as_deref(), PAGE).await?;
        let Some(last) = page.last().map(|row| row.key.clone()) else { return Ok(rows) };
        let within = last.starts_with(&prefix);
        rows.extend(page.into_iter().filter(|row| row.key.starts_with(&prefix)));
        if !within {
            return Ok(rows);
        }
        after = Some(last);
    }
}

/// Secret values are shown only as they are at rest, and only where that is encrypted.
fn mask(kind: &Kind, mut row: StoredRow) -> StoredRow {
    kind.mask_secrets(&mut row.payload, |value| value.starts_with(SEALED_PREFIX));
    row
}

fn payloads(args: &GetArgs, found: Vec<(&Kind, Vec<StoredRow>)>) -> Value {
    let mut payloads: Vec<Value> = found.into_iter().flat_map(|(_, rows)| rows).map(|row| row.payload).collect();
    if args.name.is_some() && payloads.len() == 1 {
        return payloads.remove(0);
    }
    let mut list = Map::new();
    list.insert("apiVersion".to_owned(), json!("v1"));
    list.insert("kind".to_owned(), json!("List"));
    list.insert("items".to_owned(), Value::Array(payloads));
    Value::Object(list)
}

fn print_tables(args: &GetArgs, found: &[(&Kind, Vec<StoredRow>)]) -> std::io::Result<()> {
    let now = jiff::Timestamp::now().as_second();
    let mut first = true;
    for (kind, rows) in found.iter().filter(|(_, rows)| !rows.is_empty()) {
        let columns = columns::of(kind, args.all_namespaces);
        let header: Vec<&str> = columns.iter().map(|column| column.header.as_str()).collect();
        let table = output::table(&header, rows.iter().map(|row| columns::cells(&columns, row, now)));
        if args.kind == "all" {
            let gap = if first { "" } else { "\n" };
            output::text(&format!("{gap}{} ({})\n", kind.names.kind, rows.len()))?;
        }
        output::text(&table)?;
        first = false;
    }
    Ok(())
}
