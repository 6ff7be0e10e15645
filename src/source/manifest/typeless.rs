//! Values of YAML and JSON as serde hands them on, whatever their type: what numbers and keys become.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::go_compat::float;

/// A value as JSON has it: no object has a key twice, numbers stay as they were written.
pub struct JsonValue<const LAST_WINS: bool>(pub Value);

impl<'de, const LAST_WINS: bool> Deserialize<'de> for JsonValue<LAST_WINS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Seed { whole_numbers: false, last_wins: LAST_WINS }.deserialize(deserializer).map(Self)
    }
}

/// A value as kubectl hands it on from YAML: `1.0` and `1e3` are whole numbers.
pub struct YamlValue<const LAST_WINS: bool>(pub Value);

impl<'de, const LAST_WINS: bool> Deserialize<'de> for YamlValue<LAST_WINS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Seed { whole_numbers: true, last_wins: LAST_WINS }.deserialize(deserializer).map(Self)
    }
}

#[derive(Clone, Copy)]
struct Seed {
    whole_numbers: bool,
    /// Else a key that is given twice is an error.
    last_wins: bool,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    // beyond 64 bits a number is a float, as in Go
    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(number_of(number.to_string().parse().unwrap_or(f64::NAN)))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Value, E> {
        Ok(number_of(number.to_string().parse().unwrap_or(f64::NAN)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        // Go writes such a float without a fraction, and the API server reads what it writes as an integer
        let whole = format!("{number:.0}").parse::<i64>().ok();
        match whole.filter(|_| self.whole_numbers && number.fract() == 0.0 && number.abs() < 1e21) {
            Some(whole) => Ok(Value::Number(whole.into())),
            None => Ok(number_of(number)),
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(KeySeed)? {
            if !self.last_wins && map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("duplicate key `{key}`")));
            }
            let value = entries.next_value_seed(self)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// A key as it is written once it has been read.
pub struct KeyText(pub String);

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        KeySeed.deserialize(deserializer).map(Self)
    }
}

/// A key. YAML's may be of any sort, and kubectl writes each as a string once it has read it: `on` is `true`, `0755` is
/// `493`.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number or true or false as a key")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<String, E> {
        Ok(flag.to_string())
    }

    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E>(self, number: f64) -> Result<String, E> {
        Ok(match float::format_short(number).as_str() {
            "+Inf" => ".inf".to_owned(),
            "-Inf" => "-.inf".to_owned(),
            "NaN" => ".nan".to_owned(),
            text => text.to_owned(),
        })
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E>(self, text: String) -> Result<String, E> {
        Ok(text)
    }
}

fn number_of(number: f64) -> Value {
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
