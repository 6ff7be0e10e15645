//! Cron schedules as orlojd reads them (`kinds/ORLOJD.md` 4.7): five fields of numbers, lists, ranges and steps.

use super::quote::quote;

/// The fields, each with the numbers that it may hold. Sunday is 0 or 7.
const FIELDS: [(&str, u32, u32); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day-of-month", 1, 31), ("month", 1, 12), ("day-of-week", 0, 7)];

/// What is wrong with a schedule, in orlojd's words.
pub fn check(text: &str) -> Result<(), String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!("invalid cron schedule {}: expected 5 fields", quote(text)));
    }
    for (field, (name, least, most)) in fields.into_iter().zip(FIELDS) {
        let checked = field.split(',').try_for_each(|segment| check_segment(segment, least, most));
        checked.map_err(|fault| format!("invalid {name} field: {fault}"))?;
    }
    Ok(())
}

fn check_segment(segment: &str, least: u32, most: u32) -> Result<(), String> {
    if segment.is_empty() {
        return Err("invalid list segment".to_owned());
    }
    let (base, step) = match segment.split_once('/') {
        None => (segment, None),
        Some((_, rest)) if rest.contains('/') => return Err(format!("invalid step segment {}", quote(segment))),
        Some((base, step)) => (base, Some(step)),
    };
    if step.is_some_and(|step| number(step).is_none_or(|step| step <= 0)) {
        return Err(format!("invalid step value in {}", quote(segment)));
    }
    if base.is_empty() {
        return Err(format!("invalid step base in {}", quote(segment)));
    }
    if base == "*" {
        return Ok(());
    }
    let within = |value: i64| {
        let fits = (i64::from(least)..=i64::from(most)).contains(&value);
        if fits { Ok(()) } else { Err(format!("value {value} out of range [{least},{most}]")) }
    };
    match base.split_once('-') {
        None => within(number(base).ok_or_else(|| format!("invalid value {}", quote(base)))?),
        Some((low, high)) => match (number(low), number(high)) {
            (Some(low), Some(high)) if low <= high => within(low).and_then(|()| within(high)),
            _ => Err(format!("invalid range {}", quote(base))),
        },
    }
}

/// As `strconv.Atoi` reads it.
fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts are those of an orlojd 0.3.0.
    #[test]
    fn schedules_are_judged_as_orlojd_does() {
        for text in ["* * * * *", "*/5 0,12 1-15 * 7", " 0 9 * * 1-5 ", "10-50/10 * * * *", "00 08 * * 0"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for (text, wanted) in [
            ("* * * *", "invalid cron schedule \"* * * *\": expected 5 fields"),
            ("@daily", "invalid cron schedule \"@daily\": expected 5 fields"),
            ("61 * * * *", "invalid minute field: value 61 out of range [0,59]"),
            ("* x * * *", "invalid hour field: invalid value \"x\""),
            ("* * 5-1 * *", "invalid day-of-month field: invalid range \"5-1\""),
            ("* * * */0 *", "invalid month field: invalid step value in \"*/0\""),
            ("* * * * 1/2/3", "invalid day-of-week field: invalid step segment \"1/2/3\""),
            ("/2 * * * *", "invalid minute field: invalid step base in \"/2\""),
            ("1,,2 * * * *", "invalid minute field: invalid list segment"),
            ("* * * JAN *", "invalid month field: invalid value \"JAN\""),
            ("* * 0 * *", "invalid day-of-month field: value 0 out of range [1,31]"),
        ] {
            assert_eq!(check(text), Err(wanted.to_owned()), "{text}");
        }
    }
}
