//! `serve`: the REST API for the rows of a store.

use std::sync::Arc;

use super::args::ServeArgs;
use super::{CliError, CommandStatus, secret_key, stop_on_signals, store};
use crate::config::Config;
use crate::console;
use crate::crypto::{Fingerprinter, Vault};
use crate::registry::Registry;
use crate::rest::{ConflictPolicy, ListenError, Options, Server, TlsFiles, listen};
use crate::store::open::open;
use crate::store::sealing::Codec;

pub async fn run(args: &ServeArgs, config: Config, registry: Arc<Registry>) -> Result<CommandStatus, CliError> {
    let stop = stop_on_signals()?;
    let key = secret_key(&config)?;
    let listening = listen(&config.listen, config.insecure_no_auth || config.token_file.is_some()).await?;
    let store = open(&store::url(args.store.as_ref(), &config)?).await?;
    let served = store::close_after(store.as_ref(), async {
        store::make_ready(store.as_ref(), &registry, config.create_tables).await?;
        let fingerprinter = Arc::new(Fingerprinter::new(store.salt().await?, key.as_ref()));
        let codec = Codec::new(fingerprinter, Vault::new(key));
        let options = Options {
            policy: ConflictPolicy::parse(&config.crd_conflict_policy),
            require_encryption: config.require_encryption,
            tls: config.tls_files.map(|(certificate, key)| TlsFiles { certificate, key }),
            token_file: config.token_file,
        };
        let server = Server::new(registry, Arc::clone(&store), codec, &options, stop);
        let server = Arc::new(server.map_err(ListenError::from)?);
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let address = listening.address;
        tracing::info!(policy = %options.policy, tokens = options.token_file.is_some(), "serving on {scheme}://{address}, the console on {scheme}://{address}/console/");
        Ok::<_, CliError>(listening.serve(&server, console::router(&server), &options).await?)
    });
    served.await?;
    Ok(CommandStatus::Success)
}
