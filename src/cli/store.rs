//! The store that a command means.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::CliError;
use crate::config::{Config, StoreTarget};
use crate::operator;
use crate::registry::Registry;
use crate::store::open::{StoreUrl, open_read_only};
use crate::store::{Store, Table};

/// `--store` where given, else the configured one.
pub fn url(given: Option<&SecretString>, config: &Config) -> Result<StoreUrl, CliError> {
    match (given, &config.store) {
        (Some(given), _) => {
            let text = given.expose_secret().trim();
            // parameters are the store's own business; anything else gets the configuration's better advice
            if text.starts_with("sqlite:") || text.starts_with("host=") {
                return Ok(StoreUrl::parse(text)?);
            }
            Ok(operator::store_url(&StoreTarget::parse(given)?)?)
        }
        (None, Some(target)) => Ok(operator::store_url(target)?),
        (None, None) => Err(CliError::Usage("unable to tell the store: give --store sqlite:PATH".to_owned())),
    }
}

/// A store to read from, which has to be there.
pub async fn open_existing(url: &StoreUrl) -> Result<Arc<dyn Store>, CliError> {
    if let StoreUrl::Sqlite(options) = url {
        options.path.metadata().map_err(|error| CliError::Path { path: options.path.clone(), error })?;
    }
    Ok(open_read_only(url).await?)
}

/// For what is under way in the store when a command ends.
const LAST_READS: Duration = Duration::from_secs(5);

/// Closes a store when a command is through with it, whatever came of that.
pub async fn close_after<T>(store: &dyn Store, work: impl Future<Output = T>) -> T {
    let result = work.await;
    // what is left open is tidied up by whoever opens the file next
    let _ = tokio::time::timeout(LAST_READS, store.close()).await;
    result
}

pub fn tables(registry: &Registry) -> Vec<Table> {
    let homes = registry.kinds().iter().filter(|kind| kind.home == kind.index);
    homes.map(|kind| kind.store.table.clone()).collect()
}

/// Makes of a store what can be made, and fails where something is missing all the same.
pub async fn make_ready(store: &dyn Store, registry: &Registry, create_tables: bool) -> Result<(), CliError> {
    let tables = tables(registry);
    store.migrate(&tables, create_tables).await?;
    let missing = store.missing(&tables).await?;
    if missing.is_empty() { Ok(()) } else { Err(CliError::StoreIncomplete { missing, hint: NOT_READY }) }
}

/// What to do about a store that is not ready.
pub const NOT_READY: &str = "start orlojd once, so that it migrates its database; where no orlojd lives, --create-tables \
makes its tables; `orloj-operator migrate --print` prints what the operator itself needs";
