//! Names that speak of a secret. What stands below one is written nowhere, whatever it looks like.
//!
//! A name too many costs an `enum` that a person can write; a name too few costs a secret.

use super::names;

/// Anywhere in a name, whatever parts its words.
const PARTS: [&str; 17] = [
    "secret", "token", "pass", "pwd", "pincode", "key", "cred", "auth", "cert", "sign", "private", "bearer", "cookie",
    "session", "jwt", "cipher", "crypt",
];

/// As a word of a name: within others these mean nothing.
const WORDS: [&str; 12] = ["pin", "pat", "otp", "totp", "psk", "pem", "dsn", "sas", "sid", "pw", "mfa", "salt"];

/// Whether any name on the way to a field speaks of a secret.
pub fn on(path: &str) -> bool {
    path.split(['.', '[', ']']).any(of)
}

/// Whether a name does.
pub fn of(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    PARTS.iter().any(|part| letters.contains(part)) || has_word(name, &WORDS)
}

/// Whether a name has one of these words, or its plural.
pub fn has_word(name: &str, words: &[&str]) -> bool {
    let snake = names::snake(&singular(name));
    snake.split('_').any(|word| words.contains(&word) || word.strip_suffix('s').is_some_and(|one| words.contains(&one)))
}

/// Without the plural of an acronym, which would part `userPINs` in a wrong place.
fn singular(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let plural = |at: usize| {
        let acronym = at >= 2 && chars[at - 2..at].iter().all(char::is_ascii_uppercase);
        chars[at] == 's' && acronym && !chars.get(at + 1).is_some_and(char::is_ascii_lowercase)
    };
    (0..chars.len()).filter(|at| !plural(*at)).map(|at| chars[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_every_name_on_the_way() {
        for path in [
            "spec.tokens[]",
            "spec.apikey",
            "spec.apiKey",
            "spec.API_KEYS[]",
            "spec.passwords.first",
            "spec.passwd",
            "spec.passphrase",
            "spec.Authorization",
            "spec.credentials.value",
            "spec.clients[].credential.deep[].value",
            "spec.tls.certificate",
            "spec.signing.alg",
            "spec.private-data",
            "spec.pin",
            "spec.userPINs[]",
            "spec.db.dsn",
        ] {
            assert!(on(path), "{path}");
        }
        for path in ["spec.size", "spec.paint.colour", "spec.mapping", "spec.pattern", "spec.opinion.*", "spec.labels"]
        {
            assert!(!on(path), "{path}");
        }
    }
}
