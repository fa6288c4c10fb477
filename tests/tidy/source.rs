//! A source file as the house rules see it.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the repository.
pub struct Source {
    /// Its path from the repository's root, with slashes.
    pub path: String,
    /// Its text.
    pub text: String,
    /// The text with comments and the insides of literals blanked, line by line alike.
    pub code: String,
}

/// A line of code with its number, counted from 1.
pub type Line<'a> = (usize, &'a str);

impl Source {
    /// Every file below the root with one of these endings, in order of their paths.
    pub fn all(endings: &[&str]) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = Vec::new();
        collect(root, &mut paths);
        paths.sort();
        paths
            .into_iter()
            .filter(|path| {
                let ending = path.extension().and_then(|ending| ending.to_str());
                ending.is_some_and(|ending| endings.contains(&ending))
            })
            .map(|path| Self::read(root, &path))
            .collect()
    }

    fn read(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{} can't be read: {error}", path.display()));
        let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let code = if path.ends_with(".rs") { blanked(&text) } else { text.clone() };
        Self { path, text, code }
    }

    /// The text's lines.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The lines of code that can run in production: modules of tests are left out.
    pub fn shipped(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        let mut all = self.code.lines().enumerate().map(|(index, line)| (index + 1, line));
        while let Some((number, line)) = all.next() {
            if line.trim() == "#[cfg(test)]" {
                // Rustfmt closes an item at the indentation at which it began.
                let close = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
                let one = all.next().is_some_and(|(_, line)| line.trim_end().ends_with(';'));
                if !one {
                    all.by_ref().find(|(_, line)| *line == close);
                }
                continue;
            }
            lines.push((number, line));
        }
        lines
    }

    /// Its functions: line of the signature, name, and how many lines it has.
    pub fn functions(&self) -> Vec<(usize, String, usize)> {
        let lines: Vec<&str> = self.code.lines().collect();
        let mut functions = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let Some(name) = function(line) else { continue };
            let indentation = line.len() - line.trim_start().len();
            let close = format!("{}}}", &line[..indentation]);
            let rest = lines.get(index..).unwrap_or_default();
            let one = line.trim_end().ends_with(['}', ';']);
            let end = rest.iter().position(|line| {
                *line == close || (line.starts_with(&close) && line.trim() != "}")
            });
            let length = if one { 1 } else { end.map_or(1, |end| end + 1) };
            functions.push((index + 1, name, length));
        }
        functions
    }
}

/// The name of the function whose signature begins on this line.
fn function(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    loop {
        match words.next()? {
            "fn" => break,
            word if word.starts_with("pub") || matches!(word, "async" | "const" | "unsafe") => {}
            _ => return None,
        }
    }
    let name = words.next()?;
    Some(name.split(['(', '<']).next().unwrap_or(name).to_owned())
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{} can't be listed: {error}", directory.display()));
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let hidden = name.starts_with('.') && name != ".ci";
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !hidden && !NOT_OURS.contains(&&*name) => {
                collect(&path, paths);
            }
            Ok(kind) if kind.is_file() && !hidden => paths.push(path),
            _ => {}
        }
    }
}

/// Comments and the insides of literals as spaces; line breaks stay.
fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (kept, length) = token(rest, first, out.chars().last());
        let (token, after) = rest.split_at(length);
        match kept {
            Kept::Whole => out.push_str(token),
            Kept::Shape => out.extend(token.chars().map(|c| if c == '\n' { c } else { ' ' })),
        }
        rest = after;
    }
    out
}

enum Kept {
    Shape,
    Whole,
}

/// What the text begins with: how much of it is kept, and its length in bytes.
fn token(text: &str, first: char, before: Option<char>) -> (Kept, usize) {
    let until = |end: &str, from: usize| {
        text.get(from..).and_then(|rest| rest.find(end)).map_or(text.len(), |at| at + from)
    };
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let raw = text.trim_start_matches(['b', 'r']).trim_start_matches('#');
    if text.starts_with("//") {
        (Kept::Shape, until("\n", 0))
    } else if text.starts_with("/*") {
        (Kept::Shape, (until("*/", 2) + 2).min(text.len()))
    } else if !in_word && (text.starts_with('r') || text.starts_with("br")) && raw.starts_with('"')
    {
        let open = text.len() - raw.len();
        let hashes = text[..open].matches('#').count();
        let close = format!("\"{}", "#".repeat(hashes));
        (Kept::Shape, (until(&close, open + 1) + close.len()).min(text.len()))
    } else if first == '"' {
        (Kept::Shape, string(text))
    } else if first == '\'' {
        let literal = character(text);
        (if literal > 1 { Kept::Shape } else { Kept::Whole }, literal)
    } else {
        (Kept::Whole, first.len_utf8())
    }
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal; 1 for the tick of a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text.get(3..).and_then(|t| t.find('\'')).map_or(1, |at| at + 4),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        None => 1,
    }
}

/// Directories of others' making.
const NOT_OURS: [&str; 6] = ["build", "corpus", "node_modules", "target", "artifacts", "vendor"];
