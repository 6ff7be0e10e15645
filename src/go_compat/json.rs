//! JSON as `encoding/json` writes it (`kinds/ORLOJD.md` 2.4).

use std::fmt::Write;

use serde_json::{Number, Value};

/// Compact JSON, HTML-escaped, object keys in byte order, floats in Go's form.
///
/// Numbers are written as they are held; pass the value through [`normalize_numbers`] first where
/// orlojd would have decoded it itself.
#[must_use]
pub fn encode(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

/// The length of [`encode`]'s result in bytes.
#[must_use]
pub fn encoded_len(value: &Value) -> usize {
    encode(value).len()
}

/// Appends any value, as [`encode`] writes it.
pub fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            // sorted already, unless some crate in the build turns on serde_json's `preserve_order`
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (i, (name, field)) in fields.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(out, name);
                out.push(':');
                write_value(out, field);
            }
            out.push('}');
        }
    }
}

/// Appends one string with its quotes, escaped as Go 1.22 and later do.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // writing into a string cannot fail
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Every number as it stands after a Go client of the Kubernetes API has decoded and encoded it.
///
/// Such a client reads a number as int64 where its text is a whole number that fits, and as float64
/// otherwise. So `1.0` ends as `1`, and a whole number beyond int64 loses its last digits. Minus zero
/// ends as `0`.
#[must_use]
pub fn normalize_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(normal(number)),
        Value::Array(items) => items.into_iter().map(normalize_numbers).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, normalize_numbers(field))).collect(),
        other => other,
    }
}

fn normal(number: Number) -> Number {
    if number.is_i64() {
        return number;
    }
    // through the text, as Go does: its digits, not those of the double, make the integer
    match number.as_f64() {
        Some(float) => match float_text(float).parse::<i64>() {
            Ok(whole) => whole.into(),
            Err(_) => Number::from_f64(float).unwrap_or(number),
        },
        None => number,
    }
}

fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float_text(float),
        _ => number.to_string(),
    }
}

/// The shortest digits that read back the same, with an exponent only below 1e-6 and from 1e21 on.
fn float_text(float: f64) -> String {
    let scientific = shortest(float.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let sign = if float.is_sign_negative() { "-" } else { "" };
    let exponent: i16 = exponent.parse().unwrap_or(0);
    if float != 0.0 && !(-6..21).contains(&exponent) {
        return format!("{sign}{mantissa}e{exponent:+}");
    }
    let digits = mantissa.replace('.', "");
    match usize::try_from(exponent) {
        Ok(exponent) if exponent + 1 < digits.len() => {
            let (whole, decimals) = digits.split_at(exponent + 1);
            format!("{sign}{whole}.{decimals}")
        }
        Ok(exponent) => format!("{sign}{digits:0<width$}", width = exponent + 1),
        Err(_) => format!("{sign}0.{:0<1$}{digits}", "", usize::from(exponent.unsigned_abs()) - 1),
    }
}

/// As `{:e}`, but where two candidates are equally near, Go takes the even digit and Rust the upper.
fn shortest(float: f64) -> String {
    let upper = format!("{float:e}");
    let decimals = upper.find('.').zip(upper.find('e')).map_or(0, |(point, end)| end - point - 1);
    let nearest = format!("{float:.decimals$e}");
    if nearest.parse() == Ok(float) { nearest } else { upper }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|float| json!(float)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    #[test]
    fn keys_are_sorted_by_byte_and_html_is_escaped() {
        let value = json!({"é": "<a&b>\u{2028}", "b": [1.0, 1e21, 1e-7, -0.0], "B": "\u{8}\u{c}\u{1}\u{7f}"});
        assert_eq!(
            encode(&value),
            "{\"B\":\"\\b\\f\\u0001\u{7f}\",\"b\":[1,1e+21,1e-7,-0],\"é\":\"\\u003ca\\u0026b\\u003e\\u2028\"}"
        );
    }

    #[test]
    fn whole_floats_become_integers() {
        let value = normalize_numbers(json!({"a": [1.0, -0.0, 1.5, 1e18, 1e19, u64::MAX, 1.234_567_890_123_456_7e18]}));
        assert_eq!(
            encode(&value),
            r#"{"a":[1,0,1.5,1000000000000000000,10000000000000000000,18446744073709552000,1234567890123456800]}"#
        );
        assert!(value["a"][3].is_i64());
        assert!(value["a"][4].is_f64());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any_json()) {
            let text = encode(&value);
            let back: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(normalize_numbers(back), normalize_numbers(value));
            prop_assert_eq!(encoded_len(&serde_json::from_str(&text).unwrap()), text.len());
        }

        #[test]
        fn normal_numbers_stay(value in any_json()) {
            let once = normalize_numbers(value);
            prop_assert_eq!(normalize_numbers(once.clone()), once);
        }
    }
}
