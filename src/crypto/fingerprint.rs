//! Keyed digests of content: the ledger tells "same" from "changed" by them.
//!
//! A plain hash of a Secret would let whoever reads the ledger test guesses of a weak password. So
//! digests are keyed: with the installation's salt alone for ordinary kinds, with the salt and the
//! encryption key for kinds that carry secret material. The salt stands in the same database as the
//! ledger, so only the second kind keeps a secret from a reader of the database, and only if an
//! encryption key is configured; without one the row itself holds the secret in the clear.

use std::fmt;

use ring::hmac;

use super::key::SecretKey;

/// Keyed digest, which tells nothing about secret material; shortened to what makes accidental collisions negligible.
pub type Fingerprint = [u8; 16];

/// What the derived keys are for: two purposes must never share a key.
const ORDINARY: &[u8] = b"orloj-operator/fingerprint/ordinary/v1";
const SENSITIVE: &[u8] = b"orloj-operator/fingerprint/sensitive/v1";

/// Makes fingerprints. Equal content gives equal ones for one salt and one encryption key.
#[derive(Clone)]
pub struct Fingerprinter {
    ordinary: hmac::Key,
    sensitive: hmac::Key,
}

impl Fingerprinter {
    /// Derives the keys from the installation's salt and, if encryption is on, its key.
    #[must_use]
    pub fn new(salt: [u8; 32], key: Option<&SecretKey>) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, &salt);
        let key = key.map_or(&[][..], SecretKey::expose);
        Self { ordinary: derive(&root, ORDINARY, &[]), sensitive: derive(&root, SENSITIVE, key) }
    }

    /// The fingerprint of a sequence of parts, boundaries included: `ab`, `c` is not `a`, `bc`.
    ///
    /// `sensitive` is for kinds that carry secret material; their fingerprints change with the
    /// encryption key.
    pub fn fingerprint<'a>(&self, sensitive: bool, parts: impl Iterator<Item = &'a [u8]>) -> Fingerprint {
        let mut digest = hmac::Context::with_key(if sensitive { &self.sensitive } else { &self.ordinary });
        for part in parts {
            digest.update(&(part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let mut fingerprint = Fingerprint::default();
        // SHA-256 gives twice as many bytes
        for (byte, digested) in fingerprint.iter_mut().zip(digest.sign().as_ref()) {
            *byte = *digested;
        }
        fingerprint
    }
}

fn derive(root: &hmac::Key, purpose: &[u8], key: &[u8]) -> hmac::Key {
    let mut derivation = hmac::Context::with_key(root);
    derivation.update(purpose);
    // ends the purpose, which holds no zero byte
    derivation.update(&[0]);
    derivation.update(key);
    hmac::Key::new(hmac::HMAC_SHA256, derivation.sign().as_ref())
}

impl fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprinter(***)")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    const PLANTED: &str = "c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff";

    fn key(setting: &str) -> SecretKey {
        SecretKey::parse(&SecretString::from(setting)).unwrap().unwrap()
    }

    fn print(maker: &Fingerprinter, sensitive: bool, parts: &[&str]) -> Fingerprint {
        maker.fingerprint(sensitive, parts.iter().map(|part| part.as_bytes()))
    }

    #[test]
    fn boundaries_count() {
        let maker = Fingerprinter::new([1; 32], None);
        let all: Vec<_> = [&["ab", "c"][..], &["a", "bc"], &["abc"], &["abc", ""], &[]]
            .into_iter()
            .map(|parts| print(&maker, false, parts))
            .collect();
        for (i, one) in all.iter().enumerate() {
            assert!(!all[i + 1..].contains(one));
        }
        assert_eq!(print(&maker, false, &["ab", "c"]), all[0]);
    }

    #[test]
    fn ordinary_content_depends_on_the_salt_alone() {
        let (with, without) = (Fingerprinter::new([1; 32], Some(&key(PLANTED))), Fingerprinter::new([1; 32], None));
        assert_eq!(print(&with, false, &["x"]), print(&without, false, &["x"]));
        assert_ne!(print(&with, false, &["x"]), print(&Fingerprinter::new([2; 32], None), false, &["x"]));
    }

    #[test]
    fn sensitive_content_depends_on_salt_and_key() {
        let (one, other) = (key(PLANTED), key(&"1".repeat(64)));
        let prints = [
            print(&Fingerprinter::new([1; 32], Some(&one)), true, &["x"]),
            print(&Fingerprinter::new([1; 32], Some(&other)), true, &["x"]),
            print(&Fingerprinter::new([2; 32], Some(&one)), true, &["x"]),
            print(&Fingerprinter::new([1; 32], None), true, &["x"]),
            print(&Fingerprinter::new([1; 32], None), false, &["x"]),
        ];
        for (i, one) in prints.iter().enumerate() {
            assert!(!prints[i + 1..].contains(one), "{i}");
        }
    }

    #[test]
    fn nothing_planted_shows_up_in_debug_output() {
        let key = key(PLANTED);
        let maker = Fingerprinter::new([0xc0; 32], Some(&key));
        let shown = format!("{key:?} {:?} {maker:?} {maker:#?}", super::super::Vault::new(Some(key.clone())));
        for planted in ["c0ff", "C0FF", "192", "255"] {
            assert!(!shown.contains(planted), "{shown}");
        }
    }
}
