//! Mutants in the source, each behind its switch.
//!
//! No operand is written twice save places and what follows a minus, so that what is nested stays
//! short. `__l` and `__r` are seen by nothing of the source.

use std::ops::Range;

use super::list::{Genre, Mutant};
use super::syntax::{Kind, Syntax};

/// A source file with its mutants.
#[derive(Debug, Default)]
pub struct Planted {
    /// The text.
    pub text: String,
    /// Which bytes are which mutant's own.
    own: Vec<(Range<usize>, u32)>,
    /// Which bytes stand around which mutants.
    around: Vec<(Range<usize>, Vec<u32>)>,
    /// The mutants that have no form with a switch.
    pub odd: Vec<u32>,
    /// The mutants that cannot be compiled in any form.
    pub wrong: Vec<u32>,
}

/// Another text for a part of the source.
#[derive(Clone, Debug)]
struct Edit {
    range: Range<usize>,
    /// Of edits with one range, the outer one has the lower rank.
    rank: u8,
    pieces: Vec<Piece>,
    mutants: Vec<u32>,
}

#[derive(Clone, Debug)]
enum Piece {
    /// A part of the source, with the edits in it.
    Source(Range<usize>),
    /// New text.
    Text(String),
    /// New text that one mutant alone needs.
    Own(u32, String),
}

use Piece::{Own, Source, Text};

/// Plants the mutants of one file.
pub fn plant(source: &str, syntax: &Syntax, mutants: &[&Mutant]) -> Planted {
    let mut planted = Planted::default();
    let mut edits: Vec<Edit> = Vec::new();
    for mutant in mutants {
        let Some(edit) = edit(mutant, source, syntax, &mut planted) else { continue };
        for edit in edit {
            let same = |other: &&mut Edit| other.range == edit.range && other.rank == edit.rank;
            match edits.iter_mut().find(same) {
                Some(other) => other.join(edit),
                None => edits.push(edit),
            }
        }
    }
    edits.sort_by_key(|edit| (edit.range.start, usize::MAX - edit.range.end, edit.rank));
    planted.render(source, &edits, 0..source.len(), 0);
    planted
}

impl Edit {
    /// Takes in another mutant of the same place: its choice goes before the others'.
    fn join(&mut self, other: Self) {
        let own = other.pieces.iter().filter(|piece| matches!(piece, Own(..))).cloned();
        let at = self.pieces.iter().position(|piece| matches!(piece, Own(..))).unwrap_or(0);
        // A guard closes what it opens.
        let (open, shut): (Vec<Piece>, Vec<Piece>) =
            own.partition(|piece| !matches!(piece, Own(_, text) if text == ")"));
        self.pieces.splice(at..at, open);
        self.pieces.extend(shut);
        self.mutants.extend(other.mutants);
    }
}

impl Planted {
    /// Which mutants an error at these bytes is to be blamed on, and whether it is surely theirs.
    pub fn blame(&self, at: &Range<usize>) -> (Vec<u32>, bool) {
        let meets = |range: &Range<usize>| range.start < at.end && at.start < range.end;
        let own: Vec<u32> =
            self.own.iter().filter(|(range, _)| meets(range)).map(|(_, number)| *number).collect();
        let inside = |range: &Range<usize>| range.start <= at.start && at.end <= range.end;
        let smallest = self.around.iter().filter(|(range, _)| inside(range));
        let smallest = smallest.min_by_key(|(range, _)| range.len());
        match smallest {
            _ if !own.is_empty() => (own, true),
            Some((_, mutants)) => (mutants.clone(), false),
            None => (Vec::new(), false),
        }
    }

    fn render(&mut self, source: &str, edits: &[Edit], range: Range<usize>, from: usize) {
        let mut at = range.start;
        for (index, edit) in edits.iter().enumerate().skip(from) {
            if edit.range.start >= range.end {
                break;
            }
            if edit.range.start < at || edit.range.end > range.end {
                continue;
            }
            self.text.push_str(&source[at..edit.range.start]);
            let start = self.text.len();
            for piece in &edit.pieces {
                let start = self.text.len();
                match piece {
                    Source(part) => self.render(source, edits, part.clone(), index + 1),
                    Text(text) => self.text.push_str(text),
                    Own(number, text) => {
                        self.text.push_str(text);
                        self.own.push((start..self.text.len(), *number));
                    }
                }
            }
            self.around.push((start..self.text.len(), edit.mutants.clone()));
            at = edit.range.end;
        }
        self.text.push_str(&source[at..range.end]);
    }
}

/// What a mutant changes; `None` if it is noted as one that can't be planted.
fn edit(
    mutant: &Mutant,
    source: &str,
    syntax: &Syntax,
    planted: &mut Planted,
) -> Option<Vec<Edit>> {
    let edits = match mutant.genre {
        Genre::Body => Some(vec![body(mutant)]),
        Genre::Opaque => None,
        Genre::Operator => {
            if syntax.operations.get(&mutant.span.start).is_some_and(|it| it.kind == Kind::Chain) {
                planted.wrong.push(mutant.number);
                return None;
            }
            operator(mutant, source, syntax)
        }
        Genre::Sign => sign(mutant, syntax),
        Genre::Arm => arm(mutant, syntax),
        Genre::Guard => Some(vec![guard(mutant)]),
        Genre::Field => field(mutant, source, syntax),
    };
    if edits.is_none() {
        planted.odd.push(mutant.number);
    }
    edits
}

fn body(mutant: &Mutant) -> Edit {
    let number = mutant.number;
    let early = format!("if crate::mutant({number}) {{ return {}; }} ", mutant.replacement);
    edit_of(mutant, mutant.span.clone(), 0, vec![Own(number, early), Source(mutant.span.clone())])
}

fn operator(mutant: &Mutant, source: &str, syntax: &Syntax) -> Option<Vec<Edit>> {
    let found = syntax.operations.get(&mutant.span.start)?;
    let (number, other) = (mutant.number, &mutant.replacement);
    let usual = source.get(mutant.span.clone())?;
    let (left, right) = (Source(found.left.clone()), Source(found.right.clone()));
    let pieces = match found.kind {
        Kind::Chain => return None,
        Kind::Logic => vec![
            Text("({ let __l: bool = ".to_owned()),
            left,
            Text("; if __l ".to_owned()),
            Text((if usual == "&&" { "!= " } else { "== " }).to_owned()),
            Own(number, format!("crate::mutant({number}) ")),
            Text("{ ".to_owned()),
            right,
            Text(" } else { __l } })".to_owned()),
        ],
        Kind::Comparison => vec![
            Text("(match (&(".to_owned()),
            left,
            Text("), &(".to_owned()),
            right,
            Text(")) { (__l, __r) => ".to_owned()),
            Own(number, format!("if crate::mutant({number}) {{ *__l {other} *__r }} else ")),
            Text(format!("{{ *__l {usual} *__r }} }})")),
        ],
        Kind::Arithmetic => vec![
            Text("(match (".to_owned()),
            left,
            Text(", ".to_owned()),
            right,
            Text(") { (__l, __r) => ".to_owned()),
            Own(number, format!("if crate::mutant({number}) {{ __l {other} __r }} else ")),
            Text(format!("{{ __l {usual} __r }} }})")),
        ],
        Kind::Assignment => {
            let place = source.get(found.left.clone())?;
            vec![
                Text("match ".to_owned()),
                right,
                Text(" { __r => ".to_owned()),
                Own(number, format!("if crate::mutant({number}) {{ {place} {other} __r }} else ")),
                Text("{ ".to_owned()),
                left,
                Text(format!(" {usual} __r }} }}")),
            ]
        }
    };
    Some(vec![edit_of(mutant, found.whole.clone(), 4, pieces)])
}

fn sign(mutant: &Mutant, syntax: &Syntax) -> Option<Vec<Edit>> {
    let found = syntax.signs.get(&mutant.span.start)?;
    let number = mutant.number;
    let operand = Source(found.operand.clone());
    let pieces = match found.minus {
        true => vec![
            Own(number, format!("(if crate::mutant({number}) {{ ")),
            operand.clone(),
            Text(" } else { -(".to_owned()),
            operand,
            Text(") })".to_owned()),
        ],
        false => vec![
            Text("((".to_owned()),
            operand,
            Text(") == ".to_owned()),
            Own(number, format!("crate::mutant({number})")),
            Text(")".to_owned()),
        ],
    };
    Some(vec![edit_of(mutant, found.whole.clone(), 4, pieces)])
}

/// An arm is left out where a guard says so.
fn arm(mutant: &Mutant, syntax: &Syntax) -> Option<Vec<Edit>> {
    let found = syntax.arms.get(&mutant.span.start)?;
    let number = mutant.number;
    let whole = found.whole.clone();
    let around = edit_of(mutant, whole.clone(), 2, vec![Source(whole)]);
    let edit = match &found.guard {
        Some(guard) => edit_of(
            mutant,
            guard.clone(),
            1,
            vec![
                Own(number, format!("!crate::mutant({number}) && (")),
                Text("(".to_owned()),
                Source(guard.clone()),
                Text(")".to_owned()),
                Own(number, ")".to_owned()),
            ],
        ),
        None => edit_of(
            mutant,
            found.pattern.clone(),
            1,
            vec![
                Source(found.pattern.clone()),
                Own(number, format!(" if !crate::mutant({number})")),
            ],
        ),
    };
    Some(vec![around, edit])
}

fn guard(mutant: &Mutant) -> Edit {
    let number = mutant.number;
    let choice = match mutant.replacement.as_str() {
        "true" => format!("crate::mutant({number}) || ("),
        _ => format!("!crate::mutant({number}) && ("),
    };
    edit_of(
        mutant,
        mutant.span.clone(),
        1,
        vec![
            Own(number, choice),
            Text("(".to_owned()),
            Source(mutant.span.clone()),
            Text(")".to_owned()),
            Own(number, ")".to_owned()),
        ],
    )
}

/// A field takes its value from the base, which is evaluated first unless it is a place.
fn field(mutant: &Mutant, source: &str, syntax: &Syntax) -> Option<Vec<Edit>> {
    let found = syntax.fields.get(&mutant.span.start)?;
    let (number, name) = (mutant.number, &found.name);
    let base = source.get(found.base.clone())?;
    let place = base.chars().all(|c| c.is_alphanumeric() || "_.*".contains(c));
    let from = if place { format!("({base})") } else { "__b".to_owned() };
    let value = edit_of(
        mutant,
        found.whole.clone(),
        3,
        vec![
            Own(number, format!("{name}: if crate::mutant({number}) {{ {from}.{name} }} else ")),
            Text("{ ".to_owned()),
            Source(found.value.clone()),
            Text(" }".to_owned()),
        ],
    );
    let pieces = match place {
        true => vec![Source(found.of.clone())],
        false => vec![
            Text("({ let __b = ".to_owned()),
            Source(found.base.clone()),
            Text("; ".to_owned()),
            Source(found.of.start..found.base.start),
            Text("__b".to_owned()),
            Source(found.base.end..found.of.end),
            Text(" })".to_owned()),
        ],
    };
    Some(vec![edit_of(mutant, found.of.clone(), 2, pieces), value])
}

fn edit_of(mutant: &Mutant, range: Range<usize>, rank: u8, pieces: Vec<Piece>) -> Edit {
    Edit { range, rank, pieces, mutants: vec![mutant.number] }
}

#[cfg(test)]
mod tests;
