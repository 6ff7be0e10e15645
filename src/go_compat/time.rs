//! Points in time as `time.Parse` reads them in RFC 3339 and `time.Time` tells them.

use std::fmt::Write as _;

/// A point in time and the offset in which it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Since 1970, in UTC.
    pub seconds: i64,
    /// Below a second, never negative.
    pub nanos: u32,
    /// East of UTC, in seconds. Two moments are the same whatever their offsets.
    pub offset: i32,
}

/// What calendar and clock show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    /// From 1.
    pub month: i64,
    /// From 1.
    pub day: i64,
    /// From 0.
    pub day_of_year: i64,
    /// From 0, a Sunday.
    pub weekday: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
}

const DAY: i64 = 86_400;

/// Days from 1970-01-01; the algorithm is that of Howard Hinnant's `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn month_length(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 of a `2006-01-02`.
#[must_use]
pub fn parse_date(text: &str) -> Option<i64> {
    let (days, rest) = date(text)?;
    rest.is_empty().then_some(days)
}

fn date(text: &str) -> Option<(i64, &str)> {
    let (year, rest) = number(text, 4, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2, 2)?;
    let fits = (1..=12).contains(&month) && day >= 1 && day <= month_length(year, month);
    fits.then(|| (days(year, month, day), rest))
}

/// Digits at the start of a text, as many as there are up to `most`.
fn number(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    let (digits, rest) = text.split_at(count);
    Some((digits.parse().ok()?, rest))
}

/// A time in RFC 3339, with all that Go lets pass: an hour of one digit, a comma before the fraction, an offset of up
/// to 24:60.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let (days, rest) = date(text)?;
    let (hour, rest) = number(rest.strip_prefix('T')?, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, rest) = fraction(rest);
    let offset = offset(rest)?;
    let seconds = days * DAY + hour * 3600 + minute * 60 + second - i64::from(offset);
    Some(Timestamp { seconds, nanos, offset })
}

fn fraction(text: &str) -> (u32, &str) {
    let digits = text.strip_prefix(['.', ',']).unwrap_or_default();
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return (0, text);
    }
    let (digits, rest) = digits.split_at(count);
    // what is beyond nanoseconds is cut off
    let nanos = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    (nanos.fold(0, |value, digit| value * 10 + u32::from(digit - b'0')), rest)
}

fn offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let negative = text.starts_with('-');
    let (hours, rest) = number(text.strip_prefix(['+', '-'])?, 2, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    let fits = rest.is_empty() && hours <= 24 && minutes <= 60;
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    fits.then_some(if negative { -seconds } else { seconds })
}

impl Timestamp {
    /// What is shown at an offset in seconds east of UTC.
    #[must_use]
    pub fn civil(self, offset: i64) -> Civil {
        let seconds = self.seconds.saturating_add(offset);
        let (days_since, clock) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let shifted = days_since + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * from_march + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Civil {
            year,
            month,
            day: from_march - (153 * month_from_march + 2) / 5 + 1,
            day_of_year: days_since - days(year, 1, 1),
            // 1970 began on a Thursday
            weekday: (days_since + 4).rem_euclid(7),
            hour: clock / 3600,
            minute: clock / 60 % 60,
            second: clock % 60,
        }
    }

    /// In RFC 3339 with as many decimals as are needed, at its own offset.
    #[must_use]
    pub fn text(self) -> String {
        let Civil { year, month, day, hour, minute, second, .. } = self.civil(i64::from(self.offset));
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if self.nanos != 0 {
            text.push('.');
            text.push_str(format!("{:09}", self.nanos).trim_end_matches('0'));
        }
        if self.offset == 0 {
            text.push('Z');
        } else {
            let sign = if self.offset < 0 { '-' } else { '+' };
            let minutes = self.offset.abs() / 60;
            let _ = write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_go_reads_them() {
        let parsed = |text: &str| parse_rfc3339(text).map(Timestamp::text);
        for (text, told) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2024-02-29T23:59:59.120+02:30", "2024-02-29T23:59:59.12+02:30"),
            ("2024-02-29T3:04:05,5-00:30", "2024-02-29T03:04:05.5-00:30"),
            ("0001-01-01T00:00:00.1234567899Z", "0001-01-01T00:00:00.123456789Z"),
            ("2024-01-01T00:00:00+24:60", "2024-01-01T00:00:00+25:00"),
            ("2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00Z"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(told), "{text}");
        }
        for text in [
            "2023-02-29T00:00:00Z",
            "2024-01-01t00:00:00Z",
            "2024-01-01T00:00:00z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+25:00",
            "2024-1-01T00:00:00Z",
            " 2024-01-01T00:00:00Z",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn calendars_agree() {
        for seconds in (-62_135_596_800..253_402_300_800_i64).step_by(7_777_777) {
            let civil = Timestamp { seconds, nanos: 0, offset: 0 }.civil(0);
            let theirs = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
            let ours = (civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second);
            let same = (
                i64::from(theirs.year()),
                i64::from(theirs.month()),
                i64::from(theirs.day()),
                i64::from(theirs.hour()),
                i64::from(theirs.minute()),
                i64::from(theirs.second()),
            );
            assert_eq!(ours, same, "{seconds}");
            assert_eq!(civil.day_of_year + 1, i64::from(theirs.day_of_year()), "{seconds}");
            assert_eq!(civil.weekday, i64::from(theirs.weekday().to_sunday_zero_offset()), "{seconds}");
        }
    }
}
