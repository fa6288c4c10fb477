//! Globs, URLs and keys.

use breadbox::cache::glob::Glob;
use breadbox::cache::key::{Key, authority, normalised, resolved, url_of};
use breadbox::cache::warm::{Sitemap, sitemap};
use http::HeaderName;

/// A glob matches what a table of all prefixes says.
pub fn glob(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (pattern, subject) = text.split_once('\n').unwrap_or((&text, ""));
    if pattern.len() * subject.len() > 1 << 16 {
        return;
    }
    let expected = matches(pattern.as_bytes(), subject.as_bytes());
    assert_eq!(Glob::new(pattern).matches(subject), expected, "{pattern:?} on {subject:?}");
}

fn matches(pattern: &[u8], subject: &[u8]) -> bool {
    let mut row = vec![false; subject.len() + 1];
    row[0] = true;
    for byte in pattern {
        let mut next = vec![false; row.len()];
        if *byte == b'*' {
            let first = row.iter().position(|reached| *reached);
            next[first.unwrap_or(row.len())..].fill(true);
        } else {
            for (at, found) in subject.iter().enumerate() {
                next[at + 1] = row[at] && found == byte;
            }
        }
        row = next;
    }
    row[subject.len()]
}

/// A URL's normal form is its own, has no delimiter of a key, and can be read back from a key.
pub fn url(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (url, value) = text.split_once('\n').unwrap_or((&text, ""));
    if let Some(led) = resolved("https://a.test/b", url) {
        assert_eq!(authority(&led), "a.test", "{url:?}");
    }
    let (Sitemap::Index(found) | Sitemap::Pages(found)) = sitemap(&text, 3);
    assert!(found.len() <= 3 && found.iter().all(|location| !location.is_empty()));
    let Some(once) = normalised(url) else { return };
    assert_eq!(normalised(&once).as_deref(), Some(once.as_str()));
    assert!(!once.contains([' ', '\n', '\r', '#']), "{once:?}");
    let key = Key::of_url(&once);
    let name = HeaderName::from_static("accept");
    let variant = key.variant(&[(name.clone(), value.to_owned())]);
    assert_eq!((key.url(), variant.url()), (once.as_str(), once.as_str()));
    assert_eq!(url_of(variant.as_str()), once);
    let (one, other) = value.split_once(',').unwrap_or((value, ""));
    let two = key.variant(&[(name.clone(), one.to_owned()), (name, other.to_owned())]);
    assert!(two != variant && two.id() != variant.id());
}
