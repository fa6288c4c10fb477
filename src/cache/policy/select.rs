//! Which of several stored responses a request selects (RFC 9111 §4.1).

use http::{HeaderName, header};

use crate::cache::RequestHead;
use crate::cache::field::{Vary, lines, split, trim};
use crate::cache::sort::sort_unique;

/// The selecting fields of a request with their normalised values, in the order of `vary`
/// (RFC 9111 §4.1). Fields that the request lacks are left out.
///
/// Values that mean the same are made the same: preferences are compared without whitespace, case
/// and the order of equals, other fields with their lines combined and without whitespace around
/// commas.
pub fn selecting(vary: &Vary, request: &RequestHead) -> Vec<(HeaderName, String)> {
    let Vary::Fields(names) = vary else { return Vec::new() };
    let present = names.iter().filter(|name| request.headers.contains_key(*name));
    present.map(|name| (name.clone(), normal(name, request))).collect()
}

/// Whether a request selects the response stored with these selecting fields (RFC 9111 §4.1).
pub fn selects(vary: &Vary, stored: &[(HeaderName, String)], request: &RequestHead) -> bool {
    !matches!(vary, Vary::Any) && selecting(vary, request) == stored
}

fn normal(name: &HeaderName, request: &RequestHead) -> String {
    let value = lines(&request.headers, name).join(",");
    match *name {
        header::ACCEPT | header::ACCEPT_LANGUAGE => preferences(&value),
        header::ACCEPT_ENCODING => codings(&value),
        _ => {
            let parts: Vec<&str> = split(&value, ',').map(trim).collect();
            parts.join(",")
        }
    }
}

/// The set of codings that the client takes, and those that it excludes. Which of them it likes
/// best does not matter: any of them is good for each client of the same set (RFC 9110 §12.5.3).
fn codings(value: &str) -> String {
    let mut members: Vec<String> = split(value, ',')
        .filter_map(preference)
        .map(|(weight, name)| if weight == 0 { format!("{name};q=0") } else { name })
        .collect();
    sort_unique(&mut members, String::cmp);
    members.join(",")
}

/// A list of preferences in one form: lower case, without whitespace, best first, equals in the
/// order of the alphabet (RFC 9110 §12.4.2).
fn preferences(value: &str) -> String {
    let mut members: Vec<(u16, String)> = split(value, ',').filter_map(preference).collect();
    sort_unique(&mut members, |a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let members: Vec<String> = members
        .into_iter()
        .map(|(weight, name)| match weight {
            WEIGHT_MAX => name,
            _ => format!("{name};q={weight}"),
        })
        .collect();
    members.join(",")
}

/// A member's weight in thousandths, and the rest of it.
fn preference(member: &str) -> Option<(u16, String)> {
    let lower = trim(member).to_ascii_lowercase();
    if lower.is_empty() {
        return None;
    }
    let mut weight = WEIGHT_MAX;
    let mut name: Vec<&str> = Vec::new();
    for part in split(&lower, ';').map(trim) {
        match part.strip_prefix("q=").map(thousandths) {
            Some(Some(stated)) => weight = stated,
            Some(None) | None => name.push(part),
        }
    }
    Some((weight, name.join(";")))
}

/// A weight such as `0.85` in thousandths; `None` if it is malformed (RFC 9110 §12.4.2).
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    let fraction: u16 = format!("{fraction:0<3}").parse().ok().filter(|_| digits)?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(WEIGHT_MAX),
        _ => None,
    }
}

/// The weight of what is wanted most, in thousandths.
const WEIGHT_MAX: u16 = 1000;
