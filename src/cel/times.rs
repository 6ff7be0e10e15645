//! What is read from times and durations.

use super::value::{CelValue, Evaluated, EvaluationError, error, no_overload};
use crate::go_compat::time::{Civil, Timestamp};

/// A part of a time or a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimePart {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// A part of a time at a place, or at UTC where none is given; of a duration, all of it in that unit.
pub fn part<'v>(part: TimePart, of: &CelValue<'v>, zone: Option<&CelValue<'v>>) -> Evaluated<'v> {
    match (of, zone) {
        (CelValue::Time(time), None) => Ok(CelValue::Int(shown(part, *time, 0))),
        (CelValue::Time(time), Some(CelValue::Text(zone))) => {
            Ok(CelValue::Int(shown(part, *time, offset(*time, zone)?)))
        }
        (CelValue::Duration(nanoseconds), None) => {
            let unit = match part {
                TimePart::Hours => 3_600_000_000_000,
                TimePart::Minutes => 60_000_000_000,
                TimePart::Seconds => 1_000_000_000,
                TimePart::Milliseconds => 1_000_000,
                _ => return no_overload(),
            };
            Ok(CelValue::Int(nanoseconds / unit))
        }
        _ => no_overload(),
    }
}

fn shown(part: TimePart, time: Timestamp, offset: i64) -> i64 {
    let Civil { year, month, day, day_of_year, weekday, hour, minute, second } = time.civil(offset);
    match part {
        TimePart::FullYear => year,
        TimePart::Month => month - 1,
        TimePart::Date => day,
        TimePart::DayOfMonth => day - 1,
        TimePart::DayOfWeek => weekday,
        TimePart::DayOfYear => day_of_year,
        TimePart::Hours => hour,
        TimePart::Minutes => minute,
        TimePart::Seconds => second,
        TimePart::Milliseconds => i64::from(time.nanos / 1_000_000),
    }
}

/// Seconds east of UTC at a time in a zone: `+01:30`, or a name.
fn offset(time: Timestamp, zone: &str) -> Result<i64, EvaluationError> {
    let Some((hours, minutes)) = zone.split_once(':') else { return named(time, zone) };
    match (hours.parse::<i64>(), minutes.parse::<i64>()) {
        // Go takes any number here, and wraps around
        (Ok(hours), Ok(minutes)) if hours.abs() < 1_000_000 && minutes.abs() < 1_000_000 => {
            let sum = if zone.starts_with('-') { hours * 60 - minutes } else { hours * 60 + minutes };
            Ok(sum * 60)
        }
        (Ok(_), Ok(_)) => Err(EvaluationError::NotChecked("an offset that large is not known here".to_owned())),
        _ => error("the time zone is not known"),
    }
}

/// Zones are those of the machine, as they are for the server.
fn named(time: Timestamp, zone: &str) -> Result<i64, EvaluationError> {
    match zone {
        "" | "UTC" => return Ok(0),
        "Local" => return Err(EvaluationError::NotChecked("the time zone of the server is not known here".to_owned())),
        name if name.contains("..") || name.starts_with(['/', '\\']) || name.contains('\\') => {
            return error("time: invalid location name");
        }
        _ => {}
    }
    // no zone has such a name
    if !zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte)) {
        return error(format!("unknown time zone {zone}"));
    }
    let zones = std::path::Path::new("/usr/share/zoneinfo");
    let unknown = || EvaluationError::NotChecked(format!("the time zone `{zone}` is not known on this machine"));
    let Ok(bytes) = std::fs::read(zones.join(zone)) else {
        return if zones.join("Europe/Berlin").is_file() {
            error(format!("unknown time zone {zone}"))
        } else {
            Err(unknown())
        };
    };
    let zone = jiff::tz::TimeZone::tzif(zone, &bytes).map_err(|_| unknown())?;
    // the last day of the year 9999 is one too many, and no different
    let seconds = time.seconds.min(jiff::Timestamp::MAX.as_second());
    let time = jiff::Timestamp::from_second(seconds).map_err(|_| unknown())?;
    Ok(i64::from(zone.to_offset(time).seconds()))
}
