//! Formats counts, sizes, durations and names for messages.

/// Returns a count with its noun: `1 file`, `2 files`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Returns a size in powers of 1,000, as disks and networks are sold: `1.5 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1_000 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 999.95 {
            break;
        }
        (value, unit) = (value / 1_000.0, next);
    }
    format!("{value:.1} {unit}")
}

/// In seconds.
const DURATION_UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Parses a duration such as `90s`, `5m`, `24h`, `30d`.
pub fn duration_secs(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let written = text.strip_prefix(digits)?;
    let (_, unit_secs) = DURATION_UNITS.iter().find(|(unit, _)| *unit == written)?;
    digits.parse::<u64>().ok()?.checked_mul(*unit_secs)
}

/// Formats a duration in the largest unit without a remainder.
pub fn duration(secs: u64) -> String {
    let whole = DURATION_UNITS.iter().find(|(_, unit_secs)| secs.is_multiple_of(*unit_secs));
    let (unit, unit_secs) = whole.copied().unwrap_or(("s", 1));
    format!("{}{unit}", secs / unit_secs)
}

/// Returns the first three of several names.
pub fn first_names(names: &[&str]) -> String {
    const SHOWN_MAX: usize = 3;
    let shown: Vec<&str> = names.iter().take(SHOWN_MAX).copied().collect();
    let more = if names.len() > SHOWN_MAX { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// Quotes a file name for a shell, in ASCII: `$'cafe\u0301.txt'`.
pub fn in_shell(name: &str) -> String {
    let escaped = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if c.is_ascii() => c.to_string(),
        c if u32::from(c) <= 0xffff => format!("\\u{:04x}", u32::from(c)),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    format!("$'{}'", name.chars().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let rows = [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1_001, "1001 files")];
        for (count, expected) in rows {
            assert_eq!(counted(count, "file"), expected);
        }
    }

    #[test]
    fn sizes() {
        let rows = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (1_500_000_000, "1.5 GB"),
        ];
        for (count, expected) in rows {
            assert_eq!(bytes(count), expected);
        }
    }

    #[test]
    fn shell_names() {
        let rows = [
            ("a b.txt", "$'a b.txt'"),
            ("cafe\u{301}.txt", "$'cafe\\u0301.txt'"),
            ("it's\\", "$'it\\'s\\\\'"),
            ("\u{1f600}", "$'\\U0001f600'"),
        ];
        for (name, expected) in rows {
            assert_eq!(in_shell(name), expected);
        }
    }
}
