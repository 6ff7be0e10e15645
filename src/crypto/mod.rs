//! Secret values at rest, and fingerprints that do not give them away.
//!
//! - [`SecretKey`]: the key that the original operator, orlojd and its workers share, and the format
//!   of a sealed value (`kinds/ORLOJD.md` 2.6)
//! - [`Vault`]: sealing and opening the data of a whole Secret, with or without a key
//! - [`Fingerprinter`]: keyed digests of content, for the ledger

mod fingerprint;
mod key;
mod vault;

pub use fingerprint::{Fingerprint, Fingerprinter};
pub use key::{CryptoError, KeyError, NONCE_LEN, SEALED_PREFIX, SecretKey};
pub use vault::{Vault, VaultError};
