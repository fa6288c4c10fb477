//! `cargo xtask check-config`: whether a breadbox.toml can be used, and what of it can't.

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use breadbox::config::{ConfigError, Rules, toml_to_json};
use clap::Args;
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::progress::line;

/// What is to be checked, and how that is told.
///
/// Ends with 0 if every file can be used, 1 if not, 2 if the command line is wrong, and 3 if a file
/// can't be read.
#[derive(Debug, Args)]
pub struct Options {
    /// The files
    #[arg(default_value = "breadbox.toml")]
    files: Vec<PathBuf>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// A setting that can't be used, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub error: ConfigError,
}

/// Checks files and says what was found.
pub fn run(options: &Options) -> ExitCode {
    let (mut reports, mut bad) = (Vec::new(), false);
    for file in &options.files {
        let name = file.display().to_string();
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                line(&format!("error: cannot read {name}: {error}"));
                return ExitCode::from(3);
            }
        };
        let complaints = complaints(&text);
        bad |= !complaints.is_empty();
        if options.json {
            reports.push(report(&name, &complaints));
            continue;
        }
        for Complaint { line: at, column, error } in &complaints {
            println!("{name}:{at}:{column}: {error}");
        }
        if let Ok(rules) = Rules::from_toml(&text) {
            println!("{name}: can be used; {} rules", rules.len());
        }
    }
    if options.json {
        println!("{:#}", Value::from(reports));
    }
    ExitCode::from(u8::from(bad))
}

fn report(name: &str, complaints: &[Complaint]) -> Value {
    let errors = complaints.iter().map(|Complaint { line, column, error }| {
        json!({
            "line": line,
            "column": column,
            "setting": error.setting,
            "found": error.found,
            "allowed": error.allowed,
        })
    });
    json!({ "file": name, "valid": complaints.is_empty(), "errors": errors.collect::<Vec<_>>() })
}

/// Everything that is wrong with the text of a breadbox.toml, in the order of its lines.
pub fn complaints(text: &str) -> Vec<Complaint> {
    let at = |offset: usize, error: ConfigError| {
        let before = text.get(..offset).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.matches('\n').count() + 1;
        Complaint { line, column: before[start..].chars().count() + 1, error }
    };
    let root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(error) => {
            let (setting, allowed) = ("breadbox.toml".to_owned(), "valid TOML".to_owned());
            let found = error.message().to_owned();
            let start = error.span().map_or(0, |span| span.start);
            return vec![at(start, ConfigError { setting, found, allowed })];
        }
    };
    let errors = match toml_to_json(text) {
        Ok(value) => Rules::errors(&value),
        Err(error) => vec![error],
    };
    let place = |error: ConfigError| at(place(root.get_ref(), &error).start, error);
    let mut complaints: Vec<Complaint> = errors.into_iter().map(place).collect();
    complaints.sort_by_key(|complaint| (complaint.line, complaint.column));
    complaints
}

/// Where the setting stands that an error names, or else the table that it should stand in.
fn place(root: &DeTable<'_>, error: &ConfigError) -> Range<usize> {
    let mut span = 0..0;
    let mut table = root;
    // What a table may not hold is what was found there.
    for step in error.setting.split(": ").chain([error.found.as_str()]) {
        let (name, number) = match step.rsplit_once(' ') {
            Some((name, number)) => (name, number.parse::<usize>().ok()),
            None => (step, None),
        };
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else {
            continue;
        };
        span = key.span();
        let value = match (value.get_ref(), number) {
            (DeValue::Array(list), Some(number)) => list.get(number.wrapping_sub(1)),
            _ => Some(value),
        };
        if let Some(value) = value {
            span = if number.is_some() { value.span() } else { span };
            if let Some(inner) = inner(value) {
                table = inner;
            }
        }
    }
    span
}

fn inner<'a, 'b>(value: &'b Spanned<DeValue<'a>>) -> Option<&'b DeTable<'a>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}
