//! The data of a whole Secret, sealed and opened (`kinds/ORLOJD.md` 2.6).

use serde_json::{Map, Value};

use super::key::{CryptoError, SEALED_PREFIX, SecretKey};
use crate::go_compat::quote::quote;

/// Which entry cannot be sealed or opened, and why. Names the entry's key, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The stored value does not open; the text is orlojd's.
    #[error("secret decryption: key {}: {cause}", quote(.key))]
    Open {
        /// The entry.
        key: String,
        /// What is wrong with it.
        cause: CryptoError,
    },
    /// The stored value is sealed, and this operator runs without a key.
    #[error("secret decryption: key {} is encrypted, but no encryption key is configured", quote(.key))]
    NoKey {
        /// The entry.
        key: String,
    },
    /// The value cannot be sealed.
    #[error("secret encryption: key {}: {cause}", quote(.key))]
    Seal {
        /// The entry.
        key: String,
        /// What went wrong.
        cause: CryptoError,
    },
    /// Secret data maps strings to strings.
    #[error("secret data: key {}: value is not a string", quote(.key))]
    NotText {
        /// The entry.
        key: String,
    },
}

/// Seals and opens Secret data if there is a key, and passes it through if there is none.
#[derive(Debug, Clone, Default)]
pub struct Vault {
    key: Option<SecretKey>,
}

impl Vault {
    /// Without a key the vault stores in the clear, as the original does.
    #[must_use]
    pub fn new(key: Option<SecretKey>) -> Self {
        Self { key }
    }

    /// The key, if encryption is on.
    #[must_use]
    pub fn key(&self) -> Option<&SecretKey> {
        self.key.as_ref()
    }

    /// Seals every value, each under a nonce of its own. On an error the data is as it was.
    pub fn seal_data(&self, data: &mut Map<String, Value>) -> Result<(), VaultError> {
        let Some(vault_key) = &self.key else { return Ok(()) };
        *data = each(data, |key, value| {
            vault_key.seal_random(value).map_err(|cause| VaultError::Seal { key: key.to_owned(), cause })
        })?;
        Ok(())
    }

    /// The data with every sealed value opened; values in the clear pass, so rows may be mixed.
    pub fn open_data(&self, data: &Map<String, Value>) -> Result<Map<String, Value>, VaultError> {
        each(data, |key, value| match &self.key {
            Some(vault_key) => vault_key.open(value).map_err(|cause| VaultError::Open { key: key.to_owned(), cause }),
            None if value.starts_with(SEALED_PREFIX) => Err(VaultError::NoKey { key: key.to_owned() }),
            None => Ok(value.to_owned()),
        })
    }

    /// Whether no value is stored in the clear. Looks at the prefix only, so it needs no key; empty
    /// data counts as sealed.
    #[must_use]
    pub fn is_sealed(data: &Map<String, Value>) -> bool {
        data.values().all(|value| value.as_str().is_some_and(|value| value.starts_with(SEALED_PREFIX)))
    }
}

fn each(
    data: &Map<String, Value>,
    change: impl Fn(&str, &str) -> Result<String, VaultError>,
) -> Result<Map<String, Value>, VaultError> {
    data.iter()
        .map(|(key, value)| {
            let value = value.as_str().ok_or_else(|| VaultError::NotText { key: key.clone() })?;
            Ok((key.clone(), Value::String(change(key, value)?)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;

    fn vault(setting: &str) -> Vault {
        Vault::new(SecretKey::parse(&SecretString::from(setting)).unwrap())
    }

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_wrong_key_names_the_entry_only() {
        let mut data = map(json!({"pass\nword": "aHVudGVyMg=="}));
        vault(&"0".repeat(64)).seal_data(&mut data).unwrap();
        let error = vault(&"1".repeat(64)).open_data(&data).unwrap_err();
        assert_eq!(error.to_string(), r#"secret decryption: key "pass\nword": cipher: message authentication failed"#);
        assert!(!format!("{error:?}").contains("aHVudGVyMg"));
    }

    #[test]
    fn a_sealed_row_without_a_key_is_an_error() {
        let error = vault("").open_data(&map(json!({"a": "dg==", "k": "enc:AAAA"}))).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"secret decryption: key "k" is encrypted, but no encryption key is configured"#
        );
    }

    #[test]
    fn mixed_rows_open() {
        let vault = vault(&"0".repeat(64));
        let mut data = map(json!({"a": "dg=="}));
        vault.seal_data(&mut data).unwrap();
        data.insert("b".into(), "eA==".into());
        assert!(!Vault::is_sealed(&data));
        assert_eq!(vault.open_data(&data), Ok(map(json!({"a": "dg==", "b": "eA=="}))));
    }

    #[test]
    fn without_a_key_data_passes_through() {
        let mut data = map(json!({"a": "dg=="}));
        let vault = vault(" ");
        vault.seal_data(&mut data).unwrap();
        assert_eq!(data, map(json!({"a": "dg=="})));
        assert_eq!(vault.open_data(&data), Ok(data));
    }

    #[test]
    fn data_that_is_no_string_is_refused_untouched() {
        let mut data = map(json!({"a": "dg==", "b": 7}));
        let before = data.clone();
        let error = vault(&"0".repeat(64)).seal_data(&mut data).unwrap_err();
        assert_eq!(error.to_string(), r#"secret data: key "b": value is not a string"#);
        assert_eq!(data, before);
    }

    #[test]
    fn empty_data_counts_as_sealed() {
        assert!(Vault::is_sealed(&Map::new()));
    }

    proptest! {
        #[test]
        fn sealed_data_opens(clear in prop::collection::btree_map(any::<String>(), any::<String>(), 0..5)) {
            let clear: Map<String, Value> = clear.into_iter().map(|(key, value)| (key, value.into())).collect();
            let vault = vault(&"5".repeat(64));
            let mut data = clear.clone();
            vault.seal_data(&mut data).unwrap();
            prop_assert!(Vault::is_sealed(&data));
            prop_assert_eq!(vault.open_data(&data), Ok(clear));
        }
    }
}
