//! HTTP dates: written as IMF-fixdate, parsed in the three forms of RFC 9110 section 5.6.7.
//!
//! By hand because caches in use ignore letter case, the day of the week and the range of years,
//! and crates such as `httpdate` do not. Dates are proleptic Gregorian, without leap seconds.

use crate::wire::text::push_number;
use crate::wire::time::UnixSeconds;

const IMF_BYTES: usize = 29;

/// 9999-12-31T23:59:59Z, the last instant with a four-digit year.
pub const LAST: UnixSeconds = UnixSeconds(253_402_300_799);

const SECONDS_PER_DAY: u64 = 86_400;

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The three forms after the day of the week, in the letters of `strftime`; `e` is a digit or a
/// space, and any other character stands for itself.
const FORMS: [&str; 3] =
    [", dd bbb YYYY HH:MM:SS gmt", ", dd-bbb-YY HH:MM:SS gmt", " bbb ed HH:MM:SS YYYY"];

/// Returns `t`, at most [`LAST`], as an IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn format_imf(t: UnixSeconds) -> String {
    let seconds = t.min(LAST).0;
    let days = seconds / SECONDS_PER_DAY;
    let time = seconds % SECONDS_PER_DAY;
    let (year, month, day) = civil_from_days(days);
    let mut text = String::with_capacity(IMF_BYTES);
    text.push_str(name_at(&WEEKDAYS, days % 7));
    text.push_str(", ");
    push_number(&mut text, day, 2);
    text.push(' ');
    text.push_str(name_at(&MONTHS, month.saturating_sub(1)));
    text.push(' ');
    push_number(&mut text, year, 4);
    for (before, number) in [(' ', time / 3600), (':', time / 60 % 60), (':', time % 60)] {
        text.push(before);
        push_number(&mut text, number, 2);
    }
    text.push_str(" GMT");
    text
}

/// Parses an HTTP date; a date before 1970 is 1970.
///
/// `now` decides the century of the two-digit year in the RFC 850 form: the latest year that is at
/// most 50 years ahead.
pub fn parse(text: &str, now: UnixSeconds) -> Option<UnixSeconds> {
    let weekday = text.bytes().position(|byte| !byte.is_ascii_alphabetic()).filter(|at| *at > 0)?;
    let rest = text.get(weekday..)?;
    let form = FORMS.into_iter().find(|form| form.len() == rest.len())?;
    let mut date = Date::read(rest, form)?;
    if !form.contains("YYYY") {
        date.year = date.full_year(now);
    }
    date.instant()
}

/// The numbers of a date; the year has two or four digits.
#[derive(Default)]
struct Date {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Date {
    /// Reads a text of the same length as `form`.
    fn read(text: &str, form: &str) -> Option<Date> {
        let mut date = Date::default();
        let at = form.find('b')?;
        let name = text.get(at..at.checked_add(3)?)?;
        let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
        date.month = u64::try_from(month).ok()?.saturating_add(1);
        for (want, byte) in form.bytes().zip(text.bytes()) {
            let number = match want {
                b'Y' => &mut date.year,
                b'e' if byte == b' ' => continue,
                b'd' | b'e' => &mut date.day,
                b'H' => &mut date.hour,
                b'M' => &mut date.minute,
                b'S' => &mut date.second,
                b'b' => continue,
                _ if want.eq_ignore_ascii_case(&byte) => continue,
                _ => return None,
            };
            let digit = char::from(byte).to_digit(10)?;
            *number = number.saturating_mul(10).saturating_add(u64::from(digit));
        }
        Some(date)
    }

    fn time(&self) -> u64 {
        let minutes = self.hour.saturating_mul(60).saturating_add(self.minute);
        minutes.saturating_mul(60).saturating_add(self.second)
    }

    /// Returns the latest year with these two digits that is at most 50 years after `now`.
    fn full_year(&self, now: UnixSeconds) -> u64 {
        let now = now.min(LAST).0;
        let (year, month, day) = civil_from_days(now / SECONDS_PER_DAY);
        let latest = year.saturating_add(50);
        let back = latest.saturating_add(100).saturating_sub(self.year) % 100;
        let is_later = (self.month, self.day, self.time()) > (month, day, now % SECONDS_PER_DAY);
        let back = if back == 0 && is_later { 100 } else { back };
        latest.saturating_sub(back)
    }

    fn instant(&self) -> Option<UnixSeconds> {
        // A leap second is written 60.
        let is_valid = (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.hour <= 23
            && self.minute <= 59
            && self.second <= 60;
        let days = days_from_civil(self.year, self.month, self.day);
        let at = |days: u64| days.saturating_mul(SECONDS_PER_DAY).saturating_add(self.time());
        is_valid.then_some(UnixSeconds(days.map_or(0, at)))
    }
}

fn name_at(names: &[&'static str], index: u64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or("")
}

/// Days from 0000-01-01 to 1970-01-01.
const DAYS_BEFORE_1970: u64 = 719_528;
const DAYS_PER_400_YEARS: u64 = 146_097;

/// Returns the year, month and day of a day since 1970-01-01.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(DAYS_BEFORE_1970);
    // By the mean length of a year, which is wrong by one year at most.
    let latest = (days.saturating_mul(400) / DAYS_PER_400_YEARS).saturating_add(1);
    let year = (0..=latest).rev().find(|year| days_before_year(*year) <= days).unwrap_or(0);
    let mut month = 1;
    let mut day = days.saturating_sub(days_before_year(year));
    while let Some(rest) = day.checked_sub(days_in_month(year, month)) {
        day = rest;
        month = month.saturating_add(1);
    }
    (year, month, day.saturating_add(1))
}

/// Returns the days from 1970-01-01 to a date, `None` before that.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let days = (1..month).map(|month| days_in_month(year, month)).sum::<u64>();
    days.checked_add(days_before_year(year))?.checked_add(day)?.checked_sub(DAYS_BEFORE_1970 + 1)
}

/// Returns the days from 0000-01-01 to the first of January; year 0 is a leap year.
fn days_before_year(year: u64) -> u64 {
    let leap_days = year.div_ceil(4).saturating_sub(year.div_ceil(100));
    let days = year.saturating_mul(365).saturating_add(leap_days);
    days.saturating_add(year.div_ceil(400))
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
    use super::{LAST, format_imf, parse};
    use crate::wire::time::UnixSeconds;

    const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
    const T: u64 = 784_111_777;

    #[test]
    fn three_forms_are_parsed() {
        let rows: [(u64, &[&str]); 11] = [
            (T, &["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"]),
            (T, &["Sun Nov  6 08:49:37 1994", "sun, 06 nOV 1994 08:49:37 gmt"]),
            (T, &["SUNDAY, 06-NOV-94 08:49:37 GMT", "SUN NOV  6 08:49:37 1994"]),
            (T, &["Mon, 06 Nov 1994 08:49:37 GMT", "Thx, 06 Nov 1994 08:49:37 GMT"]),
            (T + 10 * 86_400, &["Wed Nov 16 08:49:37 1994"]),
            (0, &["Thu, 01 Jan 1970 00:00:00 GMT", "Wed, 31 Dec 1969 23:59:59 GMT"]),
            (0, &["Sat, 01 Jan 0000 00:00:00 GMT"]),
            (LAST.0, &["Fri, 31 Dec 9999 23:59:59 GMT"]),
            (1_709_164_800, &["Thu, 29 Feb 2024 00:00:00 GMT"]),
            (951_782_400, &["Tue, 29 Feb 2000 00:00:00 GMT"]),
            (1_483_228_800, &["Sat, 31 Dec 2016 23:59:60 GMT"]),
        ];
        for (expected, texts) in rows {
            for text in texts {
                assert_eq!(parse(text, NOW), Some(UnixSeconds(expected)), "{text:?}");
            }
        }
    }

    #[test]
    fn other_forms_and_numbers_out_of_range_are_rejected() {
        #[rustfmt::skip]
        let rows = [
            "", "0", "-1", "784111777", "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 AEST", "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT", "06 Nov 1994 08:49:37 GMT",
            ", 06 Nov 1994 08:49:37 GMT", "Sun,06 Nov 1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT", "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994  08:49:37 GMT", "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 November 1994 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT\n", "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37", "Sunday, 06-Nov 94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994", "Sun Nov 06 08:49:37 1994 GMT", "Sun Nov   6 08:49:37 1994",
            "Sun Nov  16 08:49:37 1994", "Sun Nov  6 08:49:37 94", "1994-11-06T08:49:37Z",
            "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 32 Jan 1994 08:49:37 GMT", "Sun, 29 Feb 2023 08:49:37 GMT",
            "Sun, 29 Feb 2100 08:49:37 GMT", "Sun, 30 Feb 2024 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
        ];
        for text in rows {
            assert_eq!(parse(text, NOW), None, "{text:?}");
        }
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
    fn imf_fixdate_is_written() {
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
    fn every_day_of_eight_centuries_is_parsed_as_written() {
        for day in 0..292_194 {
            let t = UnixSeconds(day * 86_400 + day % 86_400);
            assert_eq!(parse(&format_imf(t), NOW), Some(t));
        }
    }
}
