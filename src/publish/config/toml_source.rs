//! Reads values of a TOML document, and reports every mistake with its line.
//!
//! A deserialiser would stop at the first mistake. Here a wrong value is reported and counts as
//! absent.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::publish::config::nearest::nearest;
use crate::publish::text::{duration, duration_secs};
use crate::site::source::diagnostic::Report;
use crate::wire::time::DeltaSeconds;

pub struct TomlSource {
    pub report: Report,
    line_starts: Vec<usize>,
}

pub type OnLine<T> = (u32, T);

/// A word that is not a variant of an enum, with the variants.
#[derive(Debug)]
struct UnknownWord(&'static [&'static str]);

impl serde::de::Error for UnknownWord {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be one of {}", self.0.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

impl TomlSource {
    /// Parses a document, and reports syntax errors.
    pub fn parse<'t>(file: &str, text: &'t str) -> (Self, Spanned<DeTable<'t>>) {
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut source = Self { report: Report::new(file), line_starts };
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = source.line(&error.span().unwrap_or_default());
            source.report.error(
                line,
                error.message().trim(),
                "Correct the TOML syntax: https://toml.io.",
            );
        }
        (source, root)
    }

    pub fn line(&self, span: &Range<usize>) -> u32 {
        let lines = self.line_starts.partition_point(|start| *start <= span.start);
        u32::try_from(lines).unwrap_or(u32::MAX)
    }

    pub fn check_keys(&mut self, table: &DeTable, place: &str, known: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let remedy = match nearest(name, known.iter().copied()) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => format!("Known here: {}.", known.join(", ")),
            };
            let line = self.line(&key.span());
            self.report.error(line, format!("`{name}` is not a key of {place}"), remedy);
        }
    }

    pub fn string(&mut self, table: &DeTable, key: &str) -> Option<OnLine<String>> {
        self.value(key, table.get(key)?, "a string, in quotes", text)
    }

    /// Returns the string of a key that the table of a `what` must have.
    pub fn required(
        &mut self,
        (line, table): OnLine<&DeTable>,
        key: &str,
        what: &str,
        remedy: &str,
    ) -> Option<OnLine<String>> {
        if table.get(key).is_none() {
            self.report.error(line, format!("the {what} has no `{key}`"), remedy);
        }
        self.string(table, key)
    }

    /// Parses the text of a line, or reports that it is not a `what`.
    pub fn parsed<T, E>(
        &mut self,
        (line, text): OnLine<&str>,
        what: &str,
        remedy: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<OnLine<T>> {
        let parsed = parse(text).ok();
        if parsed.is_none() {
            self.report.error(line, format!("\"{text}\" is not {what}"), remedy);
        }
        parsed.map(|parsed| (line, parsed))
    }

    pub fn boolean(&mut self, table: &DeTable, key: &str) -> Option<bool> {
        let wanted = "true or false, without quotes";
        self.value(key, table.get(key)?, wanted, DeValue::as_bool).map(|(_, flag)| flag)
    }

    pub fn integer(&mut self, table: &DeTable, key: &str) -> Option<OnLine<u64>> {
        self.value(key, table.get(key)?, "a whole number", whole)
    }

    /// Returns the duration of a key: seconds, or a text such as `90s`, `5m`, `24h`, `30d`.
    pub fn duration(
        &mut self,
        table: &DeTable,
        key: &str,
        secs_max: u32,
    ) -> Option<OnLine<DeltaSeconds>> {
        let value = table.get(key)?;
        let line = self.line(&value.span());
        let secs = match value.get_ref() {
            DeValue::Integer(_) => self.integer(table, key)?.1,
            DeValue::String(text) => {
                let remedy =
                    "Write a whole number and its unit: \"90s\", \"5m\", \"24h\", \"30d\".";
                let parse = |text: &str| duration_secs(text).ok_or(());
                self.parsed((line, text), "a duration", remedy, parse)?.1
            }
            _ => return self.value(key, value, "a duration such as \"24h\"", |_| None),
        };
        match u32::try_from(secs) {
            Ok(secs) if secs <= secs_max => Some((line, DeltaSeconds(secs))),
            _ => {
                let longest = duration(u64::from(secs_max));
                let message = format!("`{key}` is longer than {longest}");
                self.report.error(line, message, format!("Write at most \"{longest}\"."));
                None
            }
        }
    }

    pub fn integers(&mut self, table: &DeTable, key: &str, wanted: &str) -> Vec<OnLine<u64>> {
        let array = self.array(table, key, "a list of whole numbers, as in [320, 640]");
        let key = format!("{key}[]");
        array.filter_map(|item| self.value(&key, item, wanted, whole)).collect()
    }

    pub fn strings(&mut self, table: &DeTable, key: &str) -> Vec<OnLine<String>> {
        let wanted = "a list of strings, as in [\"one\", \"two\"]";
        let array = self.array(table, key, wanted);
        let key = format!("{key}[]");
        array.filter_map(|item| self.value(&key, item, wanted, text)).collect()
    }

    pub fn tables<'a, 't>(
        &mut self,
        table: &'a DeTable<'t>,
        key: &str,
    ) -> Vec<OnLine<&'a DeTable<'t>>> {
        let wanted = format!("[[{key}]] above each entry");
        let array = self.array(table, key, &wanted);
        array.filter_map(|item| self.value(key, item, &wanted, DeValue::as_table)).collect()
    }

    pub fn table<'a, 't>(
        &mut self,
        table: &'a DeTable<'t>,
        key: &str,
        wanted: &str,
    ) -> Option<&'a DeTable<'t>> {
        self.value(key, table.get(key)?, wanted, DeValue::as_table).map(|(_, table)| table)
    }

    /// Returns the names and strings of a key's table, in the order written.
    pub fn string_table(
        &mut self,
        table: &DeTable,
        key: &str,
        wanted: &str,
    ) -> Vec<(u32, String, String)> {
        let found = self.table(table, key, wanted);
        let mut entries: Vec<_> = found.into_iter().flatten().collect();
        // The parser sorts tables by name.
        entries.sort_by_key(|(name, _)| name.span().start);
        let read = |(name, value): (&Spanned<_>, &Spanned<DeValue>)| {
            let name_text: &str = AsRef::<str>::as_ref(name.get_ref());
            let (_, value) = self.value(name_text, value, "a string, in quotes", text)?;
            Some((self.line(&name.span()), name_text.to_owned(), value))
        };
        entries.into_iter().filter_map(read).collect()
    }

    /// Returns the enum variant that a key's word names.
    pub fn choice<T: DeserializeOwned>(&mut self, table: &DeTable, key: &str) -> Option<T> {
        let (line, word) = self.string(table, key)?;
        self.variant(key, line, &word)
    }

    /// Returns the enum variants that the words of a key's list name.
    pub fn choices<T: DeserializeOwned>(&mut self, table: &DeTable, key: &str) -> Vec<OnLine<T>> {
        let words = self.strings(table, key).into_iter();
        words.filter_map(|(line, word)| Some((line, self.variant(key, line, &word)?))).collect()
    }

    fn variant<T: DeserializeOwned>(&mut self, key: &str, line: u32, word: &str) -> Option<T> {
        let UnknownWord(names) = match T::deserialize(word.into_deserializer()) {
            Ok(chosen) => return Some(chosen),
            Err(unknown) => unknown,
        };
        let remedy = match nearest(word, names.iter().copied()) {
            Some(near) => format!("Did you mean \"{near}\"?"),
            None => {
                let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
                format!("Write one of {}.", quoted.join(", "))
            }
        };
        self.report.error(line, format!("\"{word}\" is not a value of `{key}`"), remedy);
        None
    }

    fn array<'a, 't>(
        &mut self,
        table: &'a DeTable<'t>,
        key: &str,
        wanted: &str,
    ) -> std::slice::Iter<'a, Spanned<DeValue<'t>>> {
        let found =
            table.get(key).and_then(|value| self.value(key, value, wanted, DeValue::as_array));
        found.map_or(Default::default(), |(_, array)| array.iter())
    }

    /// Returns a value with its line, or reports that it has the wrong type.
    pub fn value<'a, 't, T>(
        &mut self,
        key: &str,
        value: &'a Spanned<DeValue<'t>>,
        wanted: &str,
        read: impl FnOnce(&'a DeValue<'t>) -> Option<T>,
    ) -> Option<OnLine<T>> {
        let (line, value) = (self.line(&value.span()), value.get_ref());
        let found = read(value);
        if found.is_none() {
            let is_vowel = matches!(value, DeValue::Integer(_) | DeValue::Array(_));
            let article = if is_vowel { "an" } else { "a" };
            let message = format!("`{key}` is {article} {}", value.type_str());
            self.report.error(line, message, format!("Write {wanted}."));
        }
        found.map(|found| (line, found))
    }
}

fn whole(value: &DeValue) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn text(value: &DeValue) -> Option<String> {
    value.as_str().map(str::to_owned)
}
