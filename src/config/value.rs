//! From a figment value to the type of its setting. Errors say what is wrong and what to write, not what was there.

use std::path::PathBuf;
use std::time::Duration;

use figment::value::{Num, Value};
use tracing_subscriber::EnvFilter;

use super::addr::BindAddr;
use super::duration;
use super::settings::SettingShape;

type Parsed<T> = Result<T, String>;

/// Text as it is. A YAML number or boolean is refused: `0123` has lost its zero by the time it gets here.
pub(super) fn text(value: &Value) -> Parsed<String> {
    match value {
        Value::String(_, text) => Ok(text.clone()),
        Value::Char(_, c) => Ok(c.to_string()),
        Value::Num(..) | Value::Bool(..) => Err("is a number or boolean in YAML; write the text in quotes".to_owned()),
        _ => Err("is not a single value".to_owned()),
    }
}

/// Text, or a number whose digits say the same.
fn scalar(value: &Value) -> Parsed<String> {
    match value {
        Value::Num(_, num) => number(*num).map(|n| n.to_string()).ok_or_else(|| "is no whole number".to_owned()),
        other => text(other),
    }
}

fn number(num: Num) -> Option<i128> {
    num.to_i128().or_else(|| num.to_u128().and_then(|n| i128::try_from(n).ok()))
}

pub(super) fn path(value: &Value) -> Parsed<PathBuf> {
    text(value).map(PathBuf::from)
}

/// What Go's `strconv.ParseBool` takes, and the words of YAML.
pub(super) fn switch(value: &Value) -> Parsed<bool> {
    if let Value::Bool(_, on) = value {
        return Ok(*on);
    }
    match scalar(value)?.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "on" => Ok(true),
        "false" | "f" | "0" | "no" | "off" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

pub(super) fn positive_duration(value: &Value) -> Parsed<Duration> {
    match duration::parse(&scalar(value)?)? {
        Duration::ZERO => Err("must be more than 0".to_owned()),
        duration => Ok(duration),
    }
}

pub(super) fn count(value: &Value) -> Parsed<usize> {
    match scalar(value)?.trim().parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("is not a whole number from 1 up".to_owned()),
    }
}

pub(super) fn address(value: &Value) -> Parsed<BindAddr> {
    scalar(value)?.parse()
}

pub(super) fn list(value: &Value) -> Parsed<Vec<String>> {
    let items = match value {
        Value::Array(_, items) => items.iter().map(text).collect::<Parsed<Vec<_>>>()?,
        other => text(other)?.split(',').map(str::to_owned).collect(),
    };
    Ok(items.iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect())
}

pub(super) fn log_filter(value: &Value) -> Parsed<String> {
    let directives = text(value)?;
    // the filter takes any other bare word, `verbose` say, for the name of a module to trace
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| levels.iter().any(|level| level.eq_ignore_ascii_case(word));
    let plausible = |word: &str| is_level(word) || word.contains(['=', '_', ':', '[']);
    if directives.split(',').map(str::trim).all(plausible) && EnvFilter::builder().parse(&directives).is_ok() {
        return Ok(directives);
    }
    Err("is no level (error, warn, info, debug, trace) and no list of directives such as orloj_operator=debug,info"
        .to_owned())
}

pub(super) fn choice(value: &Value, allowed: &[&'static str]) -> Parsed<&'static str> {
    let given = text(value)?;
    let given = given.trim();
    let found = allowed.iter().find(|choice| choice.eq_ignore_ascii_case(given));
    found.copied().ok_or_else(|| format!("must be one of: {}", allowed.join(", ")))
}

/// The value as `config show` prints it; secrets never get here. What can't be read is shown as far as it can be.
pub(super) fn display(value: &Value, shape: SettingShape) -> String {
    let readable = match shape {
        SettingShape::Switch => switch(value).map(|on| on.to_string()),
        SettingShape::List => list(value).map(|items| items.join(",")),
        SettingShape::Duration => positive_duration(value).map(duration::format),
        _ => scalar(value),
    };
    readable.or_else(|_| scalar(value)).unwrap_or_else(|_| "(unreadable)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_as_in_go_and_in_yaml() {
        for on in ["true", "TRUE", "t", "1", "yes", "on"] {
            assert_eq!(switch(&Value::from(on)), Ok(true), "{on}");
        }
        assert_eq!(switch(&Value::from(0)), Ok(false));
        assert!(switch(&Value::from("maybe")).is_err());
    }

    #[test]
    fn text_must_be_text() {
        assert!(text(&Value::from(123)).unwrap_err().contains("in quotes"));
        assert!(text(&Value::from(true)).is_err());
        assert_eq!(text(&Value::from("0123")).unwrap(), "0123");
    }

    #[test]
    fn counts_and_durations_start_above_zero() {
        assert_eq!(count(&Value::from("12")), Ok(12));
        assert_eq!(count(&Value::from(12)), Ok(12));
        assert!(count(&Value::from(0)).is_err());
        assert!(count(&Value::from(1.5)).is_err());
        assert!(positive_duration(&Value::from("0s")).is_err());
        assert!(positive_duration(&Value::from(5)).unwrap_err().contains("no unit"));
    }

    #[test]
    fn lists_from_text_and_from_yaml() {
        assert_eq!(list(&Value::from("a, b,,")).unwrap(), ["a", "b"]);
        assert_eq!(list(&Value::from(vec!["a", "b"])).unwrap(), ["a", "b"]);
    }

    #[test]
    fn log_filters_are_checked() {
        assert!(log_filter(&Value::from("orloj_operator::reconciler=debug,info")).is_ok());
        assert!(log_filter(&Value::from("DEBUG")).is_ok());
        assert!(log_filter(&Value::from("orloj_operator=loud")).is_err());
        assert!(log_filter(&Value::from("verbose")).is_err());
    }
}
