//! A wasm module's sections and numbers.

use anyhow::{Context, Result};

/// The sections of a module, with their kinds.
pub fn sections(module: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    let mut reader = Reader { rest: module };
    let head = reader.take(HEAD.len()).filter(|head| *head == HEAD);
    head.context("this is not a wasm module")?;
    let mut sections = Vec::new();
    while !reader.rest.is_empty() {
        sections.push(reader.section().context("a section is cut off")?);
    }
    Ok(sections)
}

/// The content of the first section of a kind.
pub fn content<'a>(sections: &[(u8, &'a [u8])], kind: u8) -> Option<&'a [u8]> {
    sections.iter().find(|(id, _)| *id == kind).map(|(_, content)| *content)
}

/// The module of these sections with another content in the one of a kind.
pub fn replaced(sections: &[(u8, &[u8])], kind: u8, by: &[u8]) -> Vec<u8> {
    joined(sections.iter().map(|&(id, content)| (id, if id == kind { by } else { content })))
}

/// The module of these sections.
pub fn joined<'a>(sections: impl IntoIterator<Item = (u8, &'a [u8])>) -> Vec<u8> {
    let mut module = HEAD.to_vec();
    for (id, content) in sections {
        module.push(id);
        write(content.len(), &mut module);
        module.extend(content);
    }
    module
}

/// What is left of a module to be read.
pub struct Reader<'a> {
    /// The octets.
    pub rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// So many octets.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next octet.
    pub fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A number in LEB128.
    pub fn number(&mut self) -> Option<u32> {
        let mut value = 0u32;
        for shift in (0..32).step_by(7) {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Octets with their length before them.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length as usize)
    }

    /// A section with its kind.
    pub fn section(&mut self) -> Option<(u8, &'a [u8])> {
        Some((self.byte()?, self.text()?))
    }

    /// The bounds of a memory or table, which are skipped.
    pub fn limits(&mut self) -> Option<()> {
        let has_most = self.number()? & 1 == 1;
        self.number()?;
        if has_most {
            self.number()?;
        }
        Some(())
    }
}

/// Writes a number in LEB128.
pub fn write(mut number: usize, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number as u8 & 0x7f | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

const HEAD: &[u8] = b"\0asm\x01\0\0\0";
