//! The encryption key, and one sealed value (`kinds/ORLOJD.md` 2.6).

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

use crate::go_compat::{base64, text};
use crate::orlojd::{KEY_LEN, TAG_LEN};
pub use crate::orlojd::{NONCE_LEN, SEALED_PREFIX};

/// The setting does not hold a key. The text is the original's, and says nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("secret-encryption-key must be a 256-bit key encoded as hex (64 chars) or base64 (44 chars)")]
pub struct KeyError;

/// Why a value cannot be sealed or opened. No variant carries any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Another key, or a value that was tampered with; Go's text.
    #[error("cipher: message authentication failed")]
    Authentication,
    /// Behind the prefix stands no base64.
    #[error("sealed value is not base64")]
    Encoding,
    /// Too short to hold a nonce and a tag.
    #[error("sealed value is too short")]
    Truncated,
    /// Opened, but not text; what orlojd seals always is.
    #[error("sealed value does not hold text")]
    NotText,
    /// The operating system gave no random bytes.
    #[error("unable to draw a random nonce")]
    NoRandomness,
    /// The cipher refused to work, which its limits on lengths rule out in practice.
    #[error("unable to encrypt the value")]
    Cipher,
}

/// A 256-bit key for AES-GCM. Wiped on drop, never printed.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; KEY_LEN]>);

impl SecretKey {
    /// Reads the setting: hexadecimal, or standard base64 with or without padding, white space around
    /// it ignored. `None` if it is blank: encryption is off.
    pub fn parse(setting: &SecretString) -> Result<Option<Self>, KeyError> {
        let setting = text::trim(setting.expose_secret());
        if setting.is_empty() {
            return Ok(None);
        }
        // the first reading that yields the right length wins, as in the original
        [decode_hex, base64::decode, base64::decode_unpadded]
            .into_iter()
            .find_map(|decode| Self::from_slice(&Zeroizing::new(decode(setting)?)))
            .map(Some)
            .ok_or(KeyError)
    }

    fn from_slice(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != KEY_LEN {
            return None;
        }
        let mut key = Zeroizing::new([0; KEY_LEN]);
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }

    fn cipher(&self) -> Result<LessSafeKey, CryptoError> {
        UnboundKey::new(&AES_256_GCM, self.expose()).map(LessSafeKey::new).map_err(|_| CryptoError::Cipher)
    }

    /// Seals a value under a nonce that must never be used twice with one key: [`SecretKey::seal_random`]
    /// sees to that.
    pub fn seal(&self, plaintext: &str, nonce: [u8; NONCE_LEN]) -> Result<String, CryptoError> {
        let mut sealed = Vec::with_capacity(NONCE_LEN + plaintext.len() + TAG_LEN);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext.as_bytes());
        let tag = self
            .cipher()?
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed[NONCE_LEN..])
            .map_err(|_| CryptoError::Cipher)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(format!("{SEALED_PREFIX}{}", base64::encode(&sealed)))
    }

    /// Seals a value under a nonce from the operating system.
    pub fn seal_random(&self, plaintext: &str) -> Result<String, CryptoError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| CryptoError::NoRandomness)?;
        self.seal(plaintext, nonce)
    }

    /// Opens a sealed value. One without the prefix is in the clear already and comes back as it is.
    pub fn open(&self, value: &str) -> Result<String, CryptoError> {
        let Some(sealed) = value.strip_prefix(SEALED_PREFIX) else { return Ok(value.to_owned()) };
        let mut sealed = base64::decode(sealed).ok_or(CryptoError::Encoding)?;
        if sealed.len() < NONCE_LEN + TAG_LEN {
            return Err(CryptoError::Truncated);
        }
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&sealed[..NONCE_LEN]);
        let opened = self
            .cipher()?
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed[NONCE_LEN..])
            .map_err(|_| CryptoError::Authentication)
            .and_then(|plaintext| std::str::from_utf8(plaintext).map(str::to_owned).map_err(|_| CryptoError::NotText));
        sealed.zeroize();
        opened
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    // with the final length from the start, so that no half-filled copy is left behind
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    for [high, low] in pairs {
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(setting: &str) -> SecretKey {
        SecretKey::parse(&SecretString::from(setting)).unwrap().unwrap()
    }

    /// The vector of `kinds/ORLOJD.md` 2.6.
    #[test]
    fn opens_what_the_original_sealed() {
        let sealed = "enc:2oqScCGgHXHXXRkO2fGnoGmbOruoNcpTbCnDXJ5jQto=";
        let zero = key(&"0".repeat(64));
        assert_eq!(zero.open(sealed), Ok("dg==".to_owned()));
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&base64::decode(&sealed[4..]).unwrap()[..NONCE_LEN]);
        assert_eq!(zero.seal("dg==", nonce), Ok(sealed.to_owned()));
    }

    #[test]
    fn three_spellings_of_one_key() {
        let spellings = [
            "\n 00ff00FF00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00Fa\t",
            "AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/APo=",
            "AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/APo",
        ];
        let sealed = key(spellings[0]).seal("x", [7; NONCE_LEN]).unwrap();
        for spelling in spellings {
            assert_eq!(key(spelling).open(&sealed), Ok("x".to_owned()), "{spelling}");
        }
    }

    #[test]
    fn a_blank_setting_is_no_key() {
        for setting in ["", " \t\n"] {
            assert!(SecretKey::parse(&SecretString::from(setting)).unwrap().is_none());
        }
    }

    #[test]
    fn anything_else_is_refused_without_repeating_it() {
        for setting in ["hunter2", &"0".repeat(63), &"0".repeat(62), &"é".repeat(32), &"A".repeat(44), &"A".repeat(42)]
        {
            let error = SecretKey::parse(&SecretString::from(setting)).unwrap_err();
            assert_eq!(
                error.to_string(),
                "secret-encryption-key must be a 256-bit key encoded as hex (64 chars) or base64 (44 chars)"
            );
        }
    }

    #[test]
    fn broken_values_are_told_apart() {
        let zero = key(&"0".repeat(64));
        let sealed = zero.seal("x", [1; NONCE_LEN]).unwrap();
        let other = key(&"1".repeat(64));
        assert_eq!(other.open(&sealed).unwrap_err().to_string(), "cipher: message authentication failed");
        assert_eq!(zero.open("enc:"), Err(CryptoError::Truncated));
        assert_eq!(zero.open("enc:?"), Err(CryptoError::Encoding));
        assert_eq!(zero.open("dg=="), Ok("dg==".to_owned()));
    }

    #[test]
    fn the_key_is_not_printed() {
        assert_eq!(format!("{:?}", key(&"ab".repeat(32))), "SecretKey(***)");
    }

    #[test]
    fn nonces_are_fresh() {
        let zero = key(&"0".repeat(64));
        assert_ne!(zero.seal_random("x").unwrap(), zero.seal_random("x").unwrap());
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(bytes in any::<[u8; KEY_LEN]>(), nonce in any::<[u8; NONCE_LEN]>(), value in any::<String>()) {
            let key = key(&base64::encode(&bytes));
            let sealed = key.seal(&value, nonce).unwrap();
            prop_assert!(sealed.starts_with(SEALED_PREFIX));
            prop_assert_eq!(key.open(&sealed), Ok(value));
        }

        #[test]
        fn a_changed_byte_is_noticed(value in ".{0,20}", at in any::<prop::sample::Index>(), bit in 0..8) {
            let key = key(&"0".repeat(64));
            let mut bytes = base64::decode(&key.seal(&value, [3; NONCE_LEN]).unwrap()[SEALED_PREFIX.len()..]).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            let sealed = format!("{SEALED_PREFIX}{}", base64::encode(&bytes));
            prop_assert_eq!(key.open(&sealed), Err(CryptoError::Authentication));
        }
    }
}
