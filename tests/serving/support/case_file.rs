//! Reads case files: sections that begin with `==> `, and the steps of their tests.
//!
//! `tests/cases/README.md` describes the format.

use std::collections::BTreeMap;

use selvedge::wire::coding::Coding;

use super::folder::{Built, Folder};

/// A case file.
#[derive(Default)]
pub struct CaseFile {
    pub vars: Vec<(String, String)>,
    pub publications: Vec<Publication>,
    /// The folders that have names, ready to be published.
    pub built: BTreeMap<String, Built>,
    pub before: Vec<Step>,
    pub blocks: BTreeMap<String, Vec<Step>>,
    pub tests: Vec<Test>,
    /// The requests of `==> ask`, whose responses are recorded in the file.
    pub asked: Option<String>,
    pub is_cold: bool,
}

/// A folder that is published before the tests, and what happens to its site right after.
#[derive(Default)]
pub struct Publication {
    pub site: String,
    pub stage: String,
    pub folder: Folder,
    pub hosts: Vec<(String, String)>,
    pub takedowns: Vec<String>,
}

pub struct Test {
    pub name: String,
    pub steps: Vec<Step>,
}

/// A line of a test, with the lines that belong to it: indented ones, and those of `>` and `<`.
#[derive(Clone)]
pub struct Step {
    pub line: usize,
    pub head: String,
    pub more: Vec<String>,
}

/// A row of a table: the names of the columns, and the values.
pub type Row = Vec<(String, String)>;

impl Step {
    /// The step with its names replaced by their values.
    pub fn expanded(&self, values: &BTreeMap<String, String>) -> Result<Self, String> {
        let head = expanded(&self.head, values)?;
        // A value may be of several lines; a row of a table is one.
        let lines_max = if head.starts_with("for ") { 1 } else { usize::MAX };
        let mut more = Vec::new();
        for line in &self.more {
            let (marker, text) = line.split_at(if line.starts_with(['<', '>']) { 1 } else { 0 });
            let text = expanded(text, values)?;
            more.extend(text.splitn(lines_max, "\\n").map(|text| format!("{marker}{text}")));
        }
        Ok(Self { line: self.line, head, more })
    }

    /// Returns the arguments of the step, and the expectation after `=>`.
    pub fn command(&self) -> (&str, Option<&str>) {
        let (_, rest) = first_word(&self.head);
        match rest.rsplit_once("=>") {
            Some((command, expected)) => (command.trim(), Some(expected.trim())),
            None => (rest, None),
        }
    }
}

struct Section<'a> {
    head: &'a str,
    lines: Vec<(usize, &'a str)>,
}

impl Section<'_> {
    fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|(_, line)| *line).collect();
        lines.join("\n").trim_end_matches('\n').to_owned()
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for (line, text) in &self.lines {
            let text = text.trim_end();
            let belongs = text.starts_with([' ', '>', '<']);
            match steps.last_mut() {
                _ if text.is_empty() || text.starts_with('#') => {}
                Some(step) if belongs => step.more.push(text.trim_start().to_owned()),
                _ => steps.push(Step { line: *line, head: text.to_owned(), more: Vec::new() }),
            }
        }
        steps
    }
}

impl CaseFile {
    pub fn parse(text: &str) -> Self {
        let mut case = Self::default();
        let mut next = Publication {
            site: "www".to_owned(),
            stage: "production".to_owned(),
            ..Publication::default()
        };
        // The named folder that files belong to; without one they belong to the next publication.
        let mut named: Option<String> = None;
        let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
        for section in sections(text) {
            let (word, rest) = section.head.split_once(' ').unwrap_or((section.head, ""));
            let words: Vec<&str> = rest.split(' ').collect();
            match word {
                "vars" => {
                    let pairs = words.iter().map(|pair| pair.split_once('=').unwrap());
                    case.vars = pairs.map(|(name, value)| (name.into(), value.into())).collect();
                }
                "cold" => case.is_cold = true,
                "site" => (next.site, next.stage) = (words[0].to_owned(), words[1].to_owned()),
                "host" => next.hosts.push((words[0].to_owned(), words[1].to_owned())),
                "takedown" => next.takedowns.push(rest.to_owned()),
                "next" => {
                    let (site, stage) = (next.site.clone(), next.stage.clone());
                    let empty = Publication { site, stage, ..Publication::default() };
                    case.publications.push(std::mem::replace(&mut next, empty));
                }
                "folder" => {
                    let base = words.get(2).map(|like| folders[*like].clone());
                    folders.insert(words[0].to_owned(), base.unwrap_or_default());
                    named = Some(words[0].to_owned());
                }
                "before" => case.before = section.steps(),
                "steps" => drop(case.blocks.insert(rest.to_owned(), section.steps())),
                "test" => {
                    case.tests.push(Test { name: rest.to_owned(), steps: section.steps() });
                }
                "ask" => case.asked = Some(section.text()),
                _ => {
                    let target = named.as_ref().map(|name| folders.get_mut(name).unwrap());
                    let target = target.unwrap_or(&mut next.folder);
                    *target = filled(std::mem::take(target), section.head, &section.text());
                }
            }
        }
        if folders.is_empty() {
            case.publications.push(next);
        }
        case.built = folders.into_iter().map(|(name, folder)| (name, folder.build())).collect();
        case
    }
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix("==> "), sections.last_mut()) {
            (Some(head), _) => sections.push(Section { head, lines: Vec::new() }),
            (None, Some(section)) => section.lines.push((at + 1, line)),
            (None, None) => {}
        }
    }
    sections
}

/// A folder with another file or another part of its configuration.
fn filled(folder: Folder, head: &str, text: &str) -> Folder {
    match head {
        "config" => folder.configured(text),
        "_headers" => folder.headers_file(text),
        "_redirects" => folder.redirects_file(text),
        _ => file(folder, head, text),
    }
}

/// Puts a file: `==> /path br=20 size=100000`, with its text below, or of some size.
fn file(folder: Folder, head: &str, text: &str) -> Folder {
    let words = head.split(' ').filter_map(|word| word.split_once('='));
    let path = head.split(' ').take_while(|word| !word.contains('=')).collect::<Vec<_>>().join(" ");
    let path = path.as_str();
    let mut folder = folder.file(path, text);
    for (name, number) in words {
        let number: usize = number.parse().unwrap();
        if name == "count" {
            let paths = (1..=number).map(|n| format!("{path}{n}"));
            return paths.fold(folder, |folder, path| folder.file(&path, text));
        }
        let coding = Coding::ALL.into_iter().find(|coding| coding.token() == name);
        folder = match coding {
            Some(coding) => folder.coded(path, coding, number),
            None => {
                let letters: Vec<u8> = (b'a'..=b'z').cycle().take(number).collect();
                folder.bytes(path, &letters)
            }
        };
    }
    folder
}

/// The rows of a table: `WORD first | second` and a line for each row, where a cell `-` is empty;
/// or of one column: `WORD name in a b c`, `WORD name in 1..=9`.
pub fn rows(step: &Step) -> Vec<Row> {
    let (_, columns) = step.head.split_once(' ').unwrap_or_default();
    if let Some((name, values)) = columns.split_once(" in ") {
        let range = values.split_once("..=").map(|(first, last)| {
            let (first, last): (u32, u32) = (first.parse().unwrap(), last.parse().unwrap());
            (first..=last).map(|number| number.to_string()).collect()
        });
        let values: Vec<String> = range.unwrap_or_else(|| words(values));
        return values.iter().map(|word| vec![(name.to_owned(), value(word))]).collect();
    }
    let columns: Vec<&str> = columns.split('|').map(str::trim).collect();
    let row = |line: &String| -> Row {
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), columns.len(), "line {}: cells of `{line}`", step.line);
        let cells = cells.iter().map(|cell| if *cell == "-" { "" } else { cell });
        columns.iter().zip(cells).map(|(name, cell)| ((*name).into(), cell.into())).collect()
    };
    step.more.iter().map(row).collect()
}

/// The words of a text; a quoted text is one word.
pub fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for letter in text.chars() {
        is_quoted ^= letter == '"';
        match letter {
            ' ' if !is_quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A value: `text` or `"text with spaces"`, either repeated with `*1000` behind it.
pub fn value(word: &str) -> String {
    let repeated = word.rsplit_once('*').and_then(|(text, times)| {
        let times: usize = times.parse().ok()?;
        Some((text, times))
    });
    let (text, times) = repeated.unwrap_or((word, 1));
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    quoted.unwrap_or(text).repeat(times)
}

/// The first word of a text, and what stands behind it.
pub fn first_word(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

pub fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

/// A text with `$name` replaced by the value of that name.
pub fn expanded(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut pieces = text.split('$');
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let end = piece.find(|letter| !is_name(letter)).unwrap_or(piece.len());
        let (name, after) = piece.split_at(end);
        let value = values.get(name).ok_or_else(|| format!("no value of `${name}`"))?;
        whole.push_str(&expanded(value, values)?);
        whole.push_str(after);
    }
    Ok(whole)
}

/// The index of the `end` of a loop whose steps begin at an index, or of the end of the steps.
pub fn end_of_loop(steps: &[Step], first: usize) -> usize {
    let mut depth = 1;
    for (at, step) in steps.iter().enumerate().skip(first) {
        match step.head.as_str() {
            "end" => depth -= 1,
            head if head.starts_with("for ") => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    steps.len()
}
