//! `migrate`: the operator's own schema, made or printed.

use super::args::MigrateArgs;
use super::{CliError, CommandStatus, output, store};
use crate::config::Config;
use crate::registry::Registry;
use crate::store::open::{StoreUrl, open};
use crate::store::postgres::migration_sql;

pub async fn run(args: &MigrateArgs, config: &Config, registry: &Registry) -> Result<CommandStatus, CliError> {
    let tables = store::tables(registry);
    if args.print && args.store.is_none() && config.store.is_none() {
        // printing touches no store, and only Postgres has an administrator who would want it
        output::text(&migration_sql(&tables, config.create_tables))?;
        return Ok(CommandStatus::Success);
    }
    let url = store::url(args.store.as_ref(), config)?;
    if args.print {
        match url {
            StoreUrl::Postgres(_) => output::text(&migration_sql(&tables, config.create_tables))?,
            StoreUrl::Sqlite(_) => {
                output::line("-- SQLite needs no administrator: `sync` and `migrate` make the tables by themselves")?;
            }
        }
        return Ok(CommandStatus::Success);
    }
    let store = open(&url).await?;
    let migrating = async {
        store.migrate(&tables, config.create_tables).await?;
        store.missing(&tables).await
    };
    let missing = store::close_after(store.as_ref(), migrating).await?;
    if missing.is_empty() {
        output::line(&format!("{url} is up to date: the ledger and {} tables", tables.len()))?;
        return Ok(CommandStatus::Success);
    }
    output::line(&format!("{url} has the operator's own schema, but still misses:"))?;
    for what in missing {
        output::line(&format!("  {what}"))?;
    }
    output::note(store::NOT_READY);
    Ok(CommandStatus::Failed)
}
