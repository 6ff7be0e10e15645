//! Arguments of `serve`.

use clap::Args;
use secrecy::SecretString;

use super::STORE_HELP;
use super::setting_flags::{SettingFlags, StoreAndRest};
use crate::config::Flags;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  On this machine:          orloj-operator serve --store sqlite:orloj.db
  For others:               orloj-operator serve --listen :8080 --token-file tokens --tls-cert-file tls.crt \
--tls-key-file tls.key
  Rows of resources locked: orloj-operator serve --crd-conflict-policy reject

Exit code: 0 when it was told to stop, 2 if it could not serve.")]
pub struct ServeArgs {
    #[arg(long, value_name = "URL", help = STORE_HELP)]
    pub store: Option<SecretString>,
    #[command(flatten)]
    settings: SettingFlags<StoreAndRest>,
}

impl ServeArgs {
    pub(super) fn flags(&self) -> Flags {
        self.settings.flags()
    }
}
