//! Words that several messages of the command line share.

/// A count with its noun: `1 file`, `2 files`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A file's name as a shell writes it in ASCII: `$'cafe\u0301.txt'`.
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
