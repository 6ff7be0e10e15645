//! Values at random.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

/// What values are made of.
#[derive(Debug)]
pub enum Pieces {
    /// Nothing is generated.
    None,
    /// Texts of a few of these, one behind the other.
    Text(&'static [&'static str]),
    /// One of these texts, with a few characters changed.
    Near(&'static [&'static str], &'static str),
    Int,
    Double,
    /// Lists of whole numbers.
    Ints,
    /// Lists of texts.
    Texts(&'static [&'static str]),
}

/// Few characters of each sort: most of what goes wrong goes wrong on these.
fn text(pieces: &[&str], rng: &mut StdRng) -> String {
    (0..rng.random_range(0..6)).filter_map(|_| pieces.choose(rng).copied()).collect()
}

/// A text with characters taken out, put in or put in place of others.
pub fn near(texts: &[&str], alphabet: &str, rng: &mut StdRng) -> String {
    let mut chars: Vec<char> = texts.choose(rng).copied().unwrap_or_default().chars().collect();
    let alphabet: Vec<char> = alphabet.chars().collect();
    for _ in 0..rng.random_range(0..4) {
        let Some(c) = alphabet.choose(rng).copied() else { break };
        let at = rng.random_range(0..=chars.len());
        match rng.random_range(0..3) {
            0 => chars.insert(at, c),
            1 if at < chars.len() => chars[at] = c,
            _ if at < chars.len() => drop(chars.remove(at)),
            _ => {}
        }
    }
    chars.into_iter().collect()
}

fn int(rng: &mut StdRng) -> i64 {
    let edges = [0, 1, -1, 2, 10, i64::MAX, i64::MIN, i64::MAX - 1, 1 << 53, (1 << 53) + 1, 253_402_300_800];
    if rng.random_bool(0.5) { *edges.choose(rng).unwrap_or(&0) } else { rng.random_range(-1000..1000) }
}

pub fn value(pieces: &Pieces, rng: &mut StdRng) -> Option<Value> {
    Some(match pieces {
        Pieces::None => return None,
        Pieces::Text(pieces) => text(pieces, rng).into(),
        Pieces::Near(texts, alphabet) => near(texts, alphabet, rng).into(),
        Pieces::Int => int(rng).into(),
        Pieces::Double => {
            let exponent = rng.random_range(-30..30);
            let number = f64::from(rng.random_range(-1_000_000..1_000_000)) * 10_f64.powi(exponent);
            number.into()
        }
        Pieces::Ints => (0..rng.random_range(0..5)).map(|_| int(rng)).collect::<Vec<_>>().into(),
        Pieces::Texts(pieces) => (0..rng.random_range(0..5)).map(|_| text(pieces, rng)).collect::<Vec<_>>().into(),
    })
}
