//! Blanks where in which source file a panic is: nobody is left to tell it.
//!
//! The linker cannot know that, and zeros weigh nothing. It also keeps the paths of the machine on
//! which the Worker was built out of it.

use std::ops::Range;

use anyhow::{Context, Result, ensure};

use super::module::{self, Reader};

/// The module with zeros in place of the constants that `core::panic::Location` is made of, and of
/// the paths that they refer to.
pub fn blank(module: &[u8]) -> Result<Vec<u8>> {
    let sections = module::sections(module)?;
    let data = module::content(&sections, DATA).context("the module has no data")?;
    let segments = segments(data).context("the data is none that rustc writes")?;
    let mut octets = data.to_vec();
    let found: Vec<Range<usize>> =
        segments.iter().flat_map(|it| places(it, &segments, data)).collect();
    ensure!(
        !found.is_empty(),
        "no place of a panic was found: has the compiler laid them out anew?"
    );
    for range in found {
        octets[range].fill(0);
    }
    Ok(module::replaced(&sections, DATA, &octets))
}

/// Octets of the section that are copied to an address.
struct Segment {
    address: usize,
    range: Range<usize>,
}

fn segments(data: &[u8]) -> Option<Vec<Segment>> {
    let mut reader = Reader { rest: data };
    let mut segments = Vec::new();
    for _ in 0..reader.number()? {
        // Active, of the first memory, at a constant that is positive.
        let ([0], [CONSTANT]) = (reader.take(1)?, reader.take(1)?) else { return None };
        let address = reader.number()? as usize;
        let [END] = reader.take(1)? else { return None };
        let length = reader.text()?.len();
        let end = data.len() - reader.rest.len();
        segments.push(Segment { address, range: end - length..end });
    }
    Some(segments)
}

/// Where in the section the places of panics are that a segment holds, and the paths of them: a
/// pointer to a path, its length, a line, a column.
fn places(segment: &Segment, all: &[Segment], data: &[u8]) -> Vec<Range<usize>> {
    let misfit = segment.address.wrapping_neg() % WORD;
    let starts = (segment.range.start + misfit..segment.range.end).step_by(WORD);
    let place = |start: usize| {
        let words = data.get(start..segment.range.end.min(start + 4 * WORD))?;
        let mut words =
            words.chunks_exact(WORD).map(|it| it.try_into().map_or(0, u32::from_le_bytes));
        let [path, length, line, column] =
            std::array::from_fn(|_| words.next().unwrap_or(0) as usize);
        let plausible = (1..LINE_MAX).contains(&line) && (1..COLUMN_MAX).contains(&column);
        let path = located(all, path, length).filter(|_| plausible)?;
        let text = data.get(path.clone())?;
        let told = text.ends_with(b".rs") && text.iter().all(u8::is_ascii_graphic);
        told.then(|| [path, start..start + 4 * WORD])
    };
    starts.filter_map(place).flatten().collect()
}

fn located(all: &[Segment], address: usize, length: usize) -> Option<Range<usize>> {
    let inside =
        |it: &&Segment| it.address <= address && address + length <= it.address + it.range.len();
    let segment = all.iter().find(inside)?;
    let start = segment.range.start + (address - segment.address);
    Some(start..start + length)
}

const DATA: u8 = 11;
/// `i32.const`.
const CONSTANT: u8 = 0x41;
const END: u8 = 0x0b;
const WORD: usize = 4;
/// No source file is longer.
const LINE_MAX: usize = 200_000;
const COLUMN_MAX: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::module::write;

    #[test]
    fn places_and_paths_are_blanked_and_nothing_else() {
        let before = module(b"/home/me/src/a.rs", 17, 7);
        let after = blank(&before).expect("it has a place");
        assert_eq!(after.len(), before.len());
        let text = String::from_utf8_lossy(&after).into_owned();
        assert!(!text.contains("home") && text.contains("kept.rs"), "{text:?}");
        let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        assert_eq!(changed, 17 + 4, "the path, its pointer, its length, line and column");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        assert!(blank(&module(b"/home/me/src/a.rs", 17, 0)).is_err(), "a line from one on");
        assert!(blank(&module(b"/home/me/src/a.rs", 16, 7)).is_err(), "not the whole path");
        assert!(blank(&module(b"/home/me/src/a.rt", 17, 7)).is_err(), "no source file");
        assert!(blank(&module::joined([])).is_err(), "no data");
    }

    /// A segment at the address 64: a path, another text, and a place at a multiple of four.
    fn module(path: &[u8; 17], length: u32, line: u32) -> Vec<u8> {
        let mut bytes = [path.as_slice(), b"kept.rs"].concat();
        for word in [64, length, line, 9] {
            bytes.extend(word.to_le_bytes());
        }
        let mut data = vec![1, 0, CONSTANT, 0xC0, 0x00, END];
        write(bytes.len(), &mut data);
        data.extend(bytes);
        module::joined([(DATA, &*data)])
    }
}
