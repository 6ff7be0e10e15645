//! `format`: values in a text, as the second version of cel-go's string library writes them in American English.

use super::convert;
use super::types::CelType;
use super::value::{CelList, CelMap, CelValue, EvaluationError, error};
use crate::go_compat::quote;

/// Decimals where none are asked for.
const DECIMALS: usize = 6;

type Formatted = Result<String, EvaluationError>;

/// Fills the clauses of a text, such as `%s` and `%.2f`, with the items of a list.
pub fn format(text: &str, args: &CelList<'_>) -> Formatted {
    let mut filled = String::new();
    let mut rest = text;
    let mut used = 0;
    while let Some((before, after)) = rest.split_once('%') {
        filled.push_str(before);
        if let Some(later) = after.strip_prefix('%') {
            filled.push('%');
            rest = later;
            continue;
        }
        let Some(value) = args.get(used) else { return error(format!("index {used} out of range")) };
        let value = value.sound()?;
        used += 1;
        let (precision, after) = precision(after)?;
        let mut chars = after.chars();
        let Some(clause) = chars.next() else { return error("unexpected end of string") };
        filled.push_str(&write(clause, precision, &value)?);
        rest = chars.as_str();
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The clauses of a text, in order.
pub fn clauses(text: &str) -> Result<Vec<char>, EvaluationError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        if let Some(later) = after.strip_prefix('%') {
            rest = later;
            continue;
        }
        let (_, after) = precision(after)?;
        let mut chars = after.chars();
        match chars.next() {
            Some(clause @ ('s' | 'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o')) => found.push(clause),
            Some(other) => return error(format!("unrecognized formatting clause \"{other}\"")),
            None => return error("unexpected end of string"),
        }
        rest = chars.as_str();
    }
    Ok(found)
}

/// Whether a clause takes values of a type.
pub fn takes(clause: char, kind: &CelType<'_>) -> bool {
    use CelType::{Bool, Bytes, Double, Dyn, Int, Library, Object, Optional, String, Uint};
    match clause {
        _ if matches!(kind, Dyn) => true,
        's' => !matches!(kind, Library(_) | Object(_) | Optional(_)),
        'f' | 'e' => matches!(kind, Double | String),
        'b' => matches!(kind, Int | Uint | Bool),
        'x' | 'X' => matches!(kind, Int | Uint | String | Bytes),
        _ => matches!(kind, Int | Uint),
    }
}

fn precision(text: &str) -> Result<(Option<usize>, &str), EvaluationError> {
    let Some(digits) = text.strip_prefix('.') else { return Ok((None, text)) };
    let end = digits.find(|c: char| !c.is_ascii_digit());
    let Some(end) = end else { return error("could not find end of precision specifier") };
    match digits[..end].parse() {
        Ok(precision) if precision < 100_000 => Ok((Some(precision), &digits[end..])),
        Ok(_) => Err(EvaluationError::NotChecked("a number with so many decimals is too long".to_owned())),
        Err(_) => error("error while converting precision to integer"),
    }
}

fn write(clause: char, precision: Option<usize>, value: &CelValue<'_>) -> Formatted {
    let refused = || error(format!("error during formatting: %{clause} was given {}", value.kind()));
    match (clause, value) {
        ('s', value) => plain(value),
        ('d' | 'b' | 'x' | 'X' | 'o', CelValue::Zero) => Ok("0".to_owned()),
        ('d', CelValue::Int(number)) => Ok(number.to_string()),
        ('d', CelValue::Uint(number)) => Ok(number.to_string()),
        ('f' | 'e', value) => {
            let number = match value {
                CelValue::Double(number) => *number,
                CelValue::Text(text) => match &**text {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    _ => return refused(),
                },
                CelValue::Zero => return convert::string(CelValue::Zero).map(|_| String::new()),
                _ => return refused(),
            };
            let precision = precision.unwrap_or(DECIMALS);
            // of `%e` the server takes the precision for a width
            Ok(if clause == 'f' { fixed(number, precision) } else { format!("{:>precision$}", scientific(number)) })
        }
        ('b', CelValue::Bool(flag)) => Ok(if *flag { "1" } else { "0" }.to_owned()),
        ('b', CelValue::Int(number)) => Ok(signed(*number, &format!("{:b}", number.unsigned_abs()))),
        ('b', CelValue::Uint(number)) => Ok(format!("{number:b}")),
        ('o', CelValue::Int(number)) => Ok(signed(*number, &format!("{:o}", number.unsigned_abs()))),
        ('o', CelValue::Uint(number)) => Ok(format!("{number:o}")),
        ('x' | 'X', value) => {
            let digits = match value {
                CelValue::Int(number) => signed(*number, &format!("{:x}", number.unsigned_abs())),
                CelValue::Uint(number) => format!("{number:x}"),
                CelValue::Text(text) => hex(text.as_bytes()),
                CelValue::Bytes(bytes) => hex(bytes),
                _ => return refused(),
            };
            Ok(if clause == 'X' { digits.to_uppercase() } else { digits })
        }
        ('d' | 'o', _) => refused(),
        _ => error(format!("unrecognized formatting clause \"{clause}\"")),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn signed(number: i64, digits: &str) -> String {
    if number < 0 { format!("-{digits}") } else { digits.to_owned() }
}

/// NaN and the infinities; `None` where the number is finite.
fn special(number: f64) -> Option<String> {
    let text = if number.is_nan() {
        "NaN"
    } else if number == f64::INFINITY {
        "∞"
    } else if number == f64::NEG_INFINITY {
        "-∞"
    } else {
        return None;
    };
    Some(text.to_owned())
}

/// `1,234.50`.
fn fixed(number: f64, decimals: usize) -> String {
    if let Some(special) = special(number) {
        return special;
    }
    // minus zero has no sign
    let text = format!("{:.decimals$}", if number == 0.0 { 0.0 } else { number });
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// `1.500000×10⁰³`.
fn scientific(number: f64) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    if let Some(special) = special(number) {
        return special;
    }
    let text = format!("{:.DECIMALS$e}", if number == 0.0 { 0.0 } else { number });
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(("", exponent), |exponent| ("⁻", exponent));
    let exponent = format!("{exponent:0>2}");
    let raised = exponent.chars().filter_map(|digit| RAISED.get(digit.to_digit(10)? as usize));
    format!("{digits}×10{sign}{}", raised.collect::<String>())
}

/// `%s`.
fn plain(value: &CelValue<'_>) -> Formatted {
    match value {
        CelValue::Null => Ok("null".to_owned()),
        CelValue::List(list) => inner_list(list),
        CelValue::Map(map) => inner_map(map),
        CelValue::Type(name) => Ok((*name).to_owned()),
        CelValue::Ip(_) | CelValue::Cidr(_) => error(format!("error during formatting: %s was given {}", value.kind())),
        other => match convert::string(other.clone())? {
            CelValue::Text(text) => Ok(text.into_owned()),
            _ => error("error during formatting"),
        },
    }
}

/// Within a list or a map values look as they do in an expression.
fn inner(value: &CelValue<'_>) -> Formatted {
    Ok(match value {
        CelValue::Text(text) => quote::quote(text),
        CelValue::Bytes(_) => format!("b{}", quote::quote(&plain(value)?)),
        CelValue::Time(_) => format!("timestamp({})", quote::quote(&plain(value)?)),
        CelValue::Duration(_) => format!("duration({})", quote::quote(&plain(value)?)),
        CelValue::Double(number) if number.is_nan() => "\"NaN\"".to_owned(),
        CelValue::Double(number) if number.is_infinite() => {
            if *number > 0.0 { "\"+Inf\"" } else { "\"-Inf\"" }.to_owned()
        }
        CelValue::Double(number) => format!("{number:.DECIMALS$}"),
        CelValue::Int(_)
        | CelValue::Uint(_)
        | CelValue::Bool(_)
        | CelValue::Null
        | CelValue::Type(_)
        | CelValue::List(_)
        | CelValue::Map(_)
        | CelValue::Zero => plain(value)?,
        other => return error(format!("no formatting function for {}", other.kind())),
    })
}

fn inner_list(list: &CelList<'_>) -> Formatted {
    let items: Vec<String> = list.iter().map(|item| inner(&item.sound()?)).collect::<Result<_, _>>()?;
    Ok(format!("[{}]", items.join(", ")))
}

fn inner_map(map: &CelMap<'_>) -> Formatted {
    let mut entries = Vec::new();
    for key in map.keys() {
        let Some(value) = map.find(&key)? else { return error("could not find key") };
        entries.push((inner(&key)?, inner(&value.sound()?)?));
    }
    entries.sort();
    let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
    Ok(format!("{{{}}}", entries.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, args: Vec<CelValue<'_>>) -> Formatted {
        let CelValue::List(list) = CelValue::list(args) else { unreachable!() };
        format(text, &list)
    }

    #[test]
    fn clauses_are_filled() {
        let double = |number: f64| vec![CelValue::Double(number)];
        assert_eq!(filled("%f", double(1_234.567_8)).unwrap(), "1,234.567800");
        assert_eq!(filled("%.15e|%%", double(1234.5)).unwrap(), "  1.234500×10⁰³|%");
        assert_eq!(filled("%.0e", double(1e-5)).unwrap(), "1.000000×10⁻⁰⁵");
        assert_eq!(filled("%f", double(f64::NEG_INFINITY)).unwrap(), "-∞");
        assert_eq!(
            filled(
                "%x %X %b %o",
                vec![CelValue::Int(-255), CelValue::text("ab"), CelValue::Bool(true), CelValue::Uint(8)]
            )
            .unwrap(),
            "-ff 6162 1 10"
        );
        let list = CelValue::list(vec![
            CelValue::text("a\"b"),
            CelValue::Double(1.5),
            CelValue::Duration(1_500_000_000),
            CelValue::Null,
        ]);
        assert_eq!(filled("%s", vec![list]).unwrap(), r#"["a\"b", 1.500000, duration("1.5s"), null]"#);
        for (text, args) in [
            ("%s", vec![]),
            ("%", vec![CelValue::Int(1)]),
            ("%d", double(1.0)),
            ("%.f", double(1.0)),
            ("%y", double(1.0)),
        ] {
            assert!(filled(text, args).is_err(), "{text}");
        }
    }
}
