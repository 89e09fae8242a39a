//! HTTP dates: written as IMF-fixdate, read in the three forms that RFC 9110 section 5.6.7 names.
//!
//! Not a general date parser: no zone but GMT, no repair. Letter case is free and the day of the
//! week is not checked, because caches in use accept both; everything else is strict. Dates are
//! proleptic Gregorian, without leap seconds. By hand: `httpdate` insists on letter case, on the
//! right day of the week and on years from 1970.

use std::fmt;

use crate::wire::text::push_number;
use crate::wire::time::UnixSeconds;

/// Length of an IMF-fixdate.
const IMF_BYTES: usize = 29;

/// 9999-12-31T23:59:59Z, the last instant that a four-digit year can write.
pub const LAST: UnixSeconds = UnixSeconds(253_402_300_799);

const SECONDS_PER_DAY: u64 = 86_400;

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Returns `t` as an IMF-fixdate, at most [`LAST`].
///
/// # Source
/// RFC 9110 section 5.6.7.
///
/// # Example
/// ```
/// use selvedge::wire::date;
/// use selvedge::wire::time::UnixSeconds;
///
/// let t = UnixSeconds(784_111_777);
/// assert_eq!(date::format_imf(t), "Sun, 06 Nov 1994 08:49:37 GMT");
/// assert_eq!(date::parse("Sunday, 06-Nov-94 08:49:37 GMT", t), Ok(t));
/// ```
pub fn format_imf(t: UnixSeconds) -> String {
    let seconds = t.min(LAST).0;
    let days = seconds / SECONDS_PER_DAY;
    let time = seconds % SECONDS_PER_DAY;
    let civil = civil_from_days(days);
    let mut text = String::with_capacity(IMF_BYTES);
    text.push_str(name_at(&WEEKDAYS, days % 7));
    text.push_str(", ");
    push_number(&mut text, civil.day, 2);
    text.push(' ');
    text.push_str(name_at(&MONTHS, civil.month.saturating_sub(1)));
    text.push(' ');
    push_number(&mut text, civil.year, 4);
    for (before, number) in [(' ', time / 3600), (':', time / 60 % 60), (':', time % 60)] {
        text.push(before);
        push_number(&mut text, number, 2);
    }
    text.push_str(" GMT");
    text
}

/// Returns the instant that `text` names; a date before 1970 is 1970.
///
/// `now` is only used for the two-digit year of the RFC 850 form: the latest year that is not more
/// than 50 years ahead.
///
/// # Errors
/// [`DateError::Form`] if it is none of the three forms, [`DateError::Value`] if a number in it is
/// out of range.
///
/// # Source
/// RFC 9110 section 5.6.7.
pub fn parse(text: &str, now: UnixSeconds) -> Result<UnixSeconds, DateError> {
    let (date, year) = read(text).ok_or(DateError::Form)?;
    if !date.is_valid() {
        return Err(DateError::Value);
    }
    let year = match year {
        Year::Full(year) => year,
        Year::TwoDigits(year) => date.full_year(year, now),
    };
    if date.day > days_in_month(year, date.month) {
        return Err(DateError::Value);
    }
    Ok(date.at(year))
}

/// Why a text is not an HTTP date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateError {
    /// It is in none of the three forms.
    Form,
    /// A number in it is out of range, or the month has no such day.
    Value,
}

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DateError::Form => f.write_str(
                "the date is in no form that HTTP knows; write it as Sun, 06 Nov 1994 08:49:37 GMT",
            ),
            DateError::Value => f.write_str(
                "the date has a day, hour, minute or second that does not exist; correct it",
            ),
        }
    }
}

impl std::error::Error for DateError {}

/// A date but for its year. The order of the headers is the order of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct YearlessDate {
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

#[derive(Clone, Copy)]
enum Year {
    Full(u64),
    TwoDigits(u64),
}

impl YearlessDate {
    fn is_valid(&self) -> bool {
        // A leap second is written 60.
        self.day >= 1 && self.hour <= 23 && self.minute <= 59 && self.second <= 60
    }

    /// The year that two digits mean: the latest one not more than 50 years after `now`.
    fn full_year(&self, two_digits: u64, now: UnixSeconds) -> u64 {
        let now = now.min(LAST).0;
        let civil = civil_from_days(now / SECONDS_PER_DAY);
        let time = now % SECONDS_PER_DAY;
        let latest = civil.year.saturating_add(50);
        let back = latest.saturating_add(100).saturating_sub(two_digits) % 100;
        let year = latest.saturating_sub(back);
        let limit = YearlessDate {
            month: civil.month,
            day: civil.day,
            hour: time / 3600,
            minute: time / 60 % 60,
            second: time % 60,
        };
        if year == latest && *self > limit { year.saturating_sub(100) } else { year }
    }

    fn at(&self, year: u64) -> UnixSeconds {
        let Some(days) = days_from_civil(year, self.month, self.day) else {
            return UnixSeconds(0);
        };
        let minutes = self.hour.saturating_mul(60).saturating_add(self.minute);
        let seconds = minutes.saturating_mul(60).saturating_add(self.second);
        UnixSeconds(days.saturating_mul(SECONDS_PER_DAY).saturating_add(seconds))
    }
}

/// Reads the text in whichever of the three forms it is.
fn read(text: &str) -> Option<(YearlessDate, Year)> {
    let Some((weekday, rest)) = text.split_once(", ") else {
        return read_asctime(text);
    };
    if !is_word(weekday) {
        return None;
    }
    match rest.as_bytes().get(2) {
        Some(b'-') => read_rfc850(rest),
        _ => read_imf(rest),
    }
}

/// Reads `06 Nov 1994 08:49:37 GMT`.
fn read_imf(text: &str) -> Option<(YearlessDate, Year)> {
    let [day, month, year, time, zone] = parts(text, ' ')?;
    let year = Year::Full(digits(year, 4)?);
    Some((assemble(digits(day, 2)?, month, time, Some(zone))?, year))
}

/// Reads `06-Nov-94 08:49:37 GMT`.
fn read_rfc850(text: &str) -> Option<(YearlessDate, Year)> {
    let [date, time, zone] = parts(text, ' ')?;
    let [day, month, year] = parts(date, '-')?;
    let year = Year::TwoDigits(digits(year, 2)?);
    Some((assemble(digits(day, 2)?, month, time, Some(zone))?, year))
}

/// Reads `Sun Nov  6 08:49:37 1994`.
fn read_asctime(text: &str) -> Option<(YearlessDate, Year)> {
    let (weekday, rest) = text.split_once(' ')?;
    let (month, rest) = rest.split_once(' ')?;
    if !is_word(weekday) {
        return None;
    }
    // The day is padded with a space, so that a second one is a part of it.
    let (day, rest) = match rest.strip_prefix(' ') {
        Some(rest) => rest.split_once(' ').and_then(|(day, rest)| Some((digits(day, 1)?, rest)))?,
        None => rest.split_once(' ').and_then(|(day, rest)| Some((digits(day, 2)?, rest)))?,
    };
    let [time, year] = parts(rest, ' ')?;
    let year = Year::Full(digits(year, 4)?);
    Some((assemble(day, month, time, None)?, year))
}

fn assemble(day: u64, month: &str, time: &str, zone: Option<&str>) -> Option<YearlessDate> {
    if zone.is_some_and(|zone| !zone.eq_ignore_ascii_case("GMT")) {
        return None;
    }
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let month = u64::try_from(month).ok()?.saturating_add(1);
    let [hour, minute, second] = parts(time, ':')?;
    Some(YearlessDate {
        month,
        day,
        hour: digits(hour, 2)?,
        minute: digits(minute, 2)?,
        second: digits(second, 2)?,
    })
}

/// Splits `text` in exactly `N` parts.
fn parts<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    let mut found = text.split(separator);
    let mut parts = [""; N];
    for part in &mut parts {
        *part = found.next()?;
    }
    found.next().is_none().then_some(parts)
}

/// Reads exactly `count` decimal digits.
fn digits(text: &str, count: usize) -> Option<u64> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn name_at(names: &[&'static str], index: u64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or("")
}

struct Civil {
    year: u64,
    month: u64,
    day: u64,
}

/// Days from 0000-03-01, where the cycle of leap years begins, to 1970-01-01.
const DAYS_BEFORE_1970: u64 = 719_468;
const DAYS_PER_400_YEARS: u64 = 146_097;

/// The date of a day since 1970-01-01. Years are counted from March, so that the leap day is the
/// last of its year.
fn civil_from_days(days: u64) -> Civil {
    let days = days.saturating_add(DAYS_BEFORE_1970);
    let era = days / DAYS_PER_400_YEARS;
    let day_of_era = days % DAYS_PER_400_YEARS;
    let leap_days = (day_of_era / 1460)
        .saturating_sub(day_of_era / 36_524)
        .saturating_add(day_of_era / (DAYS_PER_400_YEARS - 1));
    let year_of_era = day_of_era.saturating_sub(leap_days) / 365;
    let day_of_year = day_of_era.saturating_sub(days_of_years(year_of_era));
    let month_from_march = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let day = day_of_year.saturating_sub(days_of_months(month_from_march)).saturating_add(1);
    let is_next_year = month_from_march >= 10;
    let month = match is_next_year {
        true => month_from_march.saturating_sub(9),
        false => month_from_march.saturating_add(3),
    };
    let year = era.saturating_mul(400).saturating_add(year_of_era);
    Civil { year: year.saturating_add(u64::from(is_next_year)), month, day }
}

/// The days from 1970-01-01 to a date; None before that.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let is_before_march = month <= 2;
    let year = year.checked_sub(u64::from(is_before_march))?;
    let month_from_march = match is_before_march {
        true => month.saturating_add(9),
        false => month.saturating_sub(3),
    };
    let era_days = (year / 400).saturating_mul(DAYS_PER_400_YEARS);
    days_of_years(year % 400)
        .saturating_add(days_of_months(month_from_march))
        .saturating_add(day.saturating_sub(1))
        .saturating_add(era_days)
        .checked_sub(DAYS_BEFORE_1970)
}

/// The days of the first `years` of a 400-year era.
fn days_of_years(years: u64) -> u64 {
    years.saturating_mul(365).saturating_add(years / 4).saturating_sub(years / 100)
}

/// The days of the first `months` of a year that begins in March.
fn days_of_months(months: u64) -> u64 {
    months.saturating_mul(153).saturating_add(2) / 5
}

fn days_in_month(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::{DateError, LAST, format_imf, parse};
    use crate::wire::time::UnixSeconds;

    const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
    const T: u64 = 784_111_777;

    #[track_caller]
    fn check(text: &str, expected: u64) {
        assert_eq!(parse(text, NOW), Ok(UnixSeconds(expected)), "{text:?}");
    }

    #[test]
    fn reads_the_three_forms() {
        check("Sun, 06 Nov 1994 08:49:37 GMT", T);
        check("Sunday, 06-Nov-94 08:49:37 GMT", T);
        check("Sun Nov  6 08:49:37 1994", T);
        check("Wed Nov 16 08:49:37 1994", T + 10 * 86_400);
        check("sun, 06 nOV 1994 08:49:37 gmt", T);
        check("SUNDAY, 06-NOV-94 08:49:37 GMT", T);
        check("SUN NOV  6 08:49:37 1994", T);
        check("Mon, 06 Nov 1994 08:49:37 GMT", T);
        check("Thx, 06 Nov 1994 08:49:37 GMT", T);
        check("Thu, 01 Jan 1970 00:00:00 GMT", 0);
        check("Wed, 31 Dec 1969 23:59:59 GMT", 0);
        check("Sat, 01 Jan 0000 00:00:00 GMT", 0);
        check("Fri, 31 Dec 9999 23:59:59 GMT", LAST.0);
        check("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800);
        check("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400);
        check("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800);
    }

    #[test]
    fn refuses_every_other_form() {
        for text in [
            "",
            "0",
            "-1",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 AEST",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
            ", 06 Nov 1994 08:49:37 GMT",
            "Sun,06 Nov 1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994  08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 November 1994 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            " Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT\n",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "Sunday, 06-Nov 94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov 06 08:49:37 1994 GMT",
            "Sun Nov   6 08:49:37 1994",
            "Sun Nov  16 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(parse(text, NOW), Err(DateError::Form), "{text:?}");
        }
    }

    #[test]
    fn refuses_numbers_out_of_range() {
        for text in [
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 32 Jan 1994 08:49:37 GMT",
            "Sun, 29 Feb 2023 08:49:37 GMT",
            "Sun, 29 Feb 2100 08:49:37 GMT",
            "Sun, 30 Feb 2024 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
        ] {
            assert_eq!(parse(text, NOW), Err(DateError::Value), "{text:?}");
        }
        assert!(DateError::Form.to_string().contains("06 Nov 1994"));
        assert!(DateError::Value.to_string().len() > 30);
    }

    /// Both sides of 50 years after NOW.
    #[test]
    fn two_digit_years_are_at_most_50_years_ahead() {
        assert_eq!(format_imf(NOW), "Wed, 18 Nov 2026 11:06:40 GMT");
        let year =
            |text: &str| format_imf(parse(text, NOW).unwrap()).get(12..16).unwrap().to_owned();
        assert_eq!(year("Sunday, 18-Nov-26 11:06:40 GMT"), "2026");
        assert_eq!(year("Sunday, 18-Nov-75 11:06:40 GMT"), "2075");
        assert_eq!(year("Sunday, 18-Nov-76 11:06:40 GMT"), "2076");
        assert_eq!(year("Sunday, 18-Nov-76 11:06:41 GMT"), "1976");
        assert_eq!(year("Sunday, 31-Dec-76 00:00:00 GMT"), "1976");
        assert_eq!(year("Sunday, 01-Jan-77 00:00:00 GMT"), "1977");
        assert_eq!(year("Sunday, 01-Jan-00 00:00:00 GMT"), "2000");
        let in_2099 = UnixSeconds(4_080_000_000);
        let t = parse("Sunday, 01-Jan-01 00:00:00 GMT", in_2099).unwrap();
        assert_eq!(format_imf(t), "Sat, 01 Jan 2101 00:00:00 GMT");
    }

    #[test]
    fn writes_imf_fixdate() {
        let rows = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (T, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST.0, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (LAST.0 + 1, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (seconds, text) in rows {
            assert_eq!(format_imf(UnixSeconds(seconds)), text);
        }
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        for day in 0..292_194 {
            let t = UnixSeconds(day * 86_400 + day % 86_400);
            assert_eq!(parse(&format_imf(t), NOW), Ok(t));
        }
    }
}
