//! Base64 as `encoding/base64`'s `StdEncoding` reads and writes it (`kinds/ORLOJD.md` 4.6).

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::{STANDARD as ALPHABET, URL_SAFE};
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// As the standard reconciler, but stray bits behind the last byte are ignored, as Go does.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const PADDED: GeneralPurpose = GeneralPurpose::new(&ALPHABET, LENIENT);
const UNPADDED: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, LENIENT.with_decode_padding_mode(DecodePaddingMode::RequireNone));

const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Padded standard base64.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Whether Go decodes the text; otherwise the `N` of `illegal base64 data at input byte N`.
///
/// Padding is required, CR and LF are skipped anywhere, stray trailing bits are accepted.
pub fn check(text: &str) -> Result<(), usize> {
    let bytes = text.as_bytes();
    let mut rest = bytes.iter().copied().enumerate().filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'));
    // characters read of the present group of four
    let mut read = 0;
    loop {
        match rest.next() {
            None if read == 0 => return Ok(()),
            None => return Err(bytes.len() - read),
            Some((_, byte)) if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') => read = (read + 1) % 4,
            Some((_, b'=')) if read >= 2 => break,
            Some((at, _)) => return Err(at),
        }
    }
    if read == 2 {
        match rest.next() {
            Some((_, b'=')) => {}
            Some((at, _)) => return Err(at - 1),
            None => return Err(bytes.len()),
        }
    }
    rest.next().map_or(Ok(()), |(at, _)| Err(at))
}

/// Decodes what [`check`] accepts.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    PADDED.decode(&*without_line_ends(text)).ok()
}

/// `URLEncoding`: the same with `-` and `_`.
#[must_use]
pub fn decode_url(text: &str) -> Option<Vec<u8>> {
    URL.decode(&*without_line_ends(text)).ok()
}

/// `RawStdEncoding`: the same without padding.
#[must_use]
pub fn decode_unpadded(text: &str) -> Option<Vec<u8>> {
    UNPADDED.decode(&*without_line_ends(text)).ok()
}

/// Copies only if there is something to leave out: the text may be a key.
fn without_line_ends(text: &str) -> Cow<'_, [u8]> {
    if text.contains(['\r', '\n']) {
        text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
    } else {
        text.as_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in any::<Vec<u8>>()) {
            let text = encode(&bytes);
            prop_assert_eq!(check(&text), Ok(()));
            prop_assert_eq!(decode(&text), Some(bytes.clone()));
            prop_assert_eq!(decode_unpadded(text.trim_end_matches('=')), Some(bytes));
        }

        #[test]
        fn the_verdict_is_that_of_the_decoder(text in "[AQgw+/=\r\n!é]{0,10}") {
            prop_assert_eq!(check(&text).is_ok(), decode(&text).is_some(), "{:?}", text);
        }
    }
}
