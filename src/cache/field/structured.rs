//! Structured fields, strictly (RFC 9651), for the fields that are defined by them.

use http::HeaderMap;
use http::header::AsHeaderName;
use sfv::{BareItem, Dictionary, InnerList, List, ListEntry, Parser};

use super::grammar::combined;

/// A field as a dictionary; `None` if it is absent, empty or malformed.
pub(super) fn dictionary(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Dictionary> {
    let value = combined(headers, name)?;
    Parser::new(&value).parse::<Dictionary>().ok().filter(|d| !d.is_empty())
}

/// A field as a list of strings, parameters ignored; `None` if it is absent or malformed, members
/// of another type included.
pub(super) fn strings(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Vec<String>> {
    let value = combined(headers, name)?;
    let list = Parser::new(&value).parse::<List>().ok()?;
    list.iter().map(|entry| item(entry).and_then(string)).collect()
}

/// The strings of an inner list; `None` if one of its members is something else.
pub(super) fn inner(list: &InnerList) -> Option<Vec<String>> {
    list.items.iter().map(|i| string(&i.bare_item)).collect()
}

/// The bare item of an entry that is no inner list.
pub(super) fn item(entry: &ListEntry) -> Option<&BareItem> {
    match entry {
        ListEntry::InnerList(_) => None,
        ListEntry::Item(item) => Some(&item.bare_item),
    }
}

fn string(item: &BareItem) -> Option<String> {
    item.as_string().map(|s| s.as_str().to_owned())
}
