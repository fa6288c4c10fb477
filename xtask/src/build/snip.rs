//! Takes what only a panic runs out of a module: messages, their formatting, the hook.
//!
//! Nothing that a request reaches may panic; where it does all the same, the module still traps at
//! that very place, and the Worker makes a new instance of it.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};

use super::module::{self, Reader, write};

/// The module with an `unreachable` in the place of each function that only a panic runs. Their
/// names must still be in it.
pub fn snip(module: &[u8]) -> Result<Vec<u8>> {
    let sections = module::sections(module)?;
    let imported = sections.iter().filter(|(id, _)| *id == IMPORT).map(|(_, it)| functions(it));
    let imported: u32 = imported.sum::<Option<u32>>().context("unknown kind of import")?;
    let names = sections.iter().filter(|(id, _)| *id == CUSTOM).find_map(|(_, it)| names(it));
    let names = names.context("the module has no names; build it with strip = \"debuginfo\"")?;
    let panics = |index: u32| {
        names.get(&index.saturating_add(imported)).is_some_and(|name| only_a_panic_runs(name))
    };
    let mut count = 0;
    let code = module::content(&sections, CODE).unwrap_or_default();
    let code = bodies(code, panics, &mut count).context("a function is cut off")?;
    if count == 0 {
        bail!("no function of a panic was found by name: has the compiler named them anew?");
    }
    Ok(module::replaced(&sections, CODE, &code))
}

/// Whether a function of this name, as wasm-bindgen writes it, never returns or is only called by
/// one that does not.
fn only_a_panic_runs(name: &str) -> bool {
    let mut plain = String::with_capacity(name.len());
    for (index, piece) in name.split('[').enumerate() {
        // What follows a crate's name in brackets is its hash.
        let hash = piece.split_once(']').filter(|(hash, _)| {
            index > 0 && hash.len() > 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        match hash {
            Some((_, rest)) => plain.push_str(rest),
            None if index > 0 => plain.extend(["[", piece]),
            None => plain.push_str(piece),
        }
    }
    if plain.contains("drop_in_place") {
        return false;
    }
    DIVERGING.iter().any(|start| plain.starts_with(start))
        || HOOKS.iter().any(|part| plain.contains(part))
        || plain.ends_with("::assert_failed")
}

/// The code section with the chosen functions snipped.
fn bodies(content: &[u8], chosen: impl Fn(u32) -> bool, count: &mut u32) -> Option<Vec<u8>> {
    let mut reader = Reader { rest: content };
    let total = reader.number()?;
    let mut written = Vec::with_capacity(content.len());
    write(total as usize, &mut written);
    for index in 0..total {
        let length = reader.number()?;
        let mut body = reader.take(length as usize)?;
        if chosen(index) {
            body = UNREACHABLE;
            *count += 1;
        }
        write(body.len(), &mut written);
        written.extend_from_slice(body);
    }
    Some(written)
}

/// How many of a module's imports are functions.
fn functions(imports: &[u8]) -> Option<u32> {
    let mut reader = Reader { rest: imports };
    let mut count = 0;
    for _ in 0..reader.number()? {
        reader.text()?;
        reader.text()?;
        match reader.byte()? {
            0 => {
                reader.number()?;
                count += 1;
            }
            1 => {
                reader.byte()?;
                reader.limits()?;
            }
            2 => reader.limits()?,
            3 => {
                reader.take(2)?;
            }
            4 => {
                reader.byte()?;
                reader.number()?;
            }
            _ => return None,
        }
    }
    Some(count)
}

/// The names of a module's functions, if this custom section holds them.
fn names(section: &[u8]) -> Option<HashMap<u32, String>> {
    let mut reader = Reader { rest: section };
    if reader.text()? != b"name" {
        return None;
    }
    let mut names = HashMap::new();
    while !reader.rest.is_empty() {
        let (id, content) = reader.section()?;
        let mut reader = Reader { rest: content };
        if id != FUNCTION_NAMES {
            continue;
        }
        for _ in 0..reader.number()? {
            let index = reader.number()?;
            names.insert(index, String::from_utf8_lossy(reader.text()?).into_owned());
        }
    }
    Some(names)
}

const CUSTOM: u8 = 0;
const IMPORT: u8 = 2;
const CODE: u8 = 10;
const FUNCTION_NAMES: u8 = 1;
/// A body without locals: `unreachable`, `end`.
const UNREACHABLE: &[u8] = &[0, 0x00, 0x0b];

/// How the names of functions begin that do not return.
const DIVERGING: &[&str] = &[
    "__rustc::rust_begin_unwind",
    "__rustc::rust_panic",
    "alloc::alloc::handle_alloc_error",
    "alloc::raw_vec::capacity_overflow",
    "alloc::raw_vec::handle_error",
    "core::cell::panic_already",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::panicking::",
    "core::result::unwrap_failed",
    "core::slice::copy_from_slice_impl::len_mismatch_fail",
    "core::slice::index::slice_index_fail",
    "core::str::slice_error_fail",
    "std::panicking::panic_with_hook",
    "std::panicking::rust_panic",
    "std::sys::backtrace::__rust_end_short_backtrace",
    "std::thread::local::panic_access_error",
    "worker::init::init::{{closure}}",
];

/// What the names of functions hold that a panic's hook calls, or that it is.
const HOOKS: &[&str] = &[
    "<&core::panic::location::Location as core::fmt::Display>",
    "<std::panic::PanicHookInfo as core::fmt::Display>",
    "std::panicking::default_hook",
    "std::panicking::panic_handler",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_by_their_names() {
        for name in [
            "core::panicking::panic_fmt",
            "core[c5930c85a12de822]::panicking::panic_const::panic_const_div_by_zero",
            "core::panicking::assert_failed::h5464c609e2c5c89c",
            "std[a543996e6e7dbf1e]::panicking::panic_with_hook",
            "<std[a543996e6e7dbf1e]::panicking::default_hook as core[c5930c85a12de822]::ops>",
        ] {
            assert!(only_a_panic_runs(name), "{name}");
        }
        for name in [
            "std[a543996e6e7dbf1e]::panicking::set_hook",
            "std[a543996e6e7dbf1e]::panicking::take_hook",
            "std[a543996e6e7dbf1e]::panicking::panic_count::increase",
            "core::ptr::drop_in_place<[core::panicking::Thing]>",
            "breadbox::edge::fetch",
        ] {
            assert!(!only_a_panic_runs(name), "{name}");
        }
    }

    #[test]
    fn only_the_bodies_of_panics_change() {
        let module = module(&[("core::panicking::panic", &[0, 0x41, 1, 0x1a, 0x0b])], 200);
        let expected = module_with(UNREACHABLE, 200);
        assert_eq!(snip(&module).ok(), Some(expected));
    }

    #[test]
    fn a_module_without_names_or_panics_is_refused() {
        assert!(snip(&module::joined([])).is_err());
        assert!(snip(&module(&[("other", UNREACHABLE)], 1)).is_err());
        assert!(snip(b"\0asm").is_err());
    }

    fn module_with(body: &[u8], imports: u8) -> Vec<u8> {
        module(&[("core::panicking::panic", body)], imports)
    }

    /// A module of so many imported functions and of these.
    fn module(own: &[(&str, &[u8])], imports: u8) -> Vec<u8> {
        let mut imported = Vec::new();
        write(imports.into(), &mut imported);
        for _ in 0..imports {
            imported.extend(*b"\x01m\x01f\0\0");
        }
        let mut code = vec![own.len() as u8];
        let mut names = vec![own.len() as u8];
        for (index, (name, body)) in own.iter().enumerate() {
            write(body.len(), &mut code);
            code.extend_from_slice(body);
            write(usize::from(imports) + index, &mut names);
            write(name.len(), &mut names);
            names.extend(name.bytes());
        }
        let mut custom = b"\x04name".to_vec();
        custom.push(FUNCTION_NAMES);
        write(names.len(), &mut custom);
        custom.extend(names);
        module::joined([(IMPORT, &*imported), (CODE, &*code), (CUSTOM, &*custom)])
    }
}
