//! What holds for every field, however malformed.

use breadbox::cache::field::{
    Age, ByteRange, CacheControl, Directives, EntityTag, Expires, HttpDate, IfNoneMatch, IfRange,
    NoVarySearch, Range, Scope, Seconds, Selection, Vary, tags,
};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::fields;

proptest! {
    #[test]
    fn decoding_never_panics(name in 0..NAMES.len(), bytes in any::<Vec<Vec<u8>>>()) {
        let mut headers = HeaderMap::new();
        for line in &bytes {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                headers.append(NAMES[name], value);
            }
        }
        let control = CacheControl::parse(&headers);
        prop_assert_eq!(&control, &CacheControl::parse(&headers));
        let _ = (Directives::parse(&headers), Age::parse(&headers), Expires::parse(&headers));
        let _ = (IfNoneMatch::parse(&headers), IfRange::parse(&headers), Vary::parse(&headers));
        let _ = (EntityTag::field(&headers), ByteRange::of_response(&headers), tags(&headers));
        let _ = NoVarySearch::parse(&headers).canonical(&String::from_utf8_lossy(&bytes.concat()));
        if let Some(Selection::Parts(parts)) = Range::parse(&headers).map(|r| r.select(1000)) {
            for part in parts {
                prop_assert!(part.first <= part.last && part.last < 1000 && part.len() <= 1000);
            }
        }
    }

    #[test]
    fn a_prohibition_survives_any_neighbour(
        left in "[ -~]{0,40}",
        right in "[ !#-~]{0,40}",
        prohibition in prop_oneof![Just("no-store"), Just("private"), Just("no-cache")],
        gap in prop_oneof![Just(","), Just(" , "), Just(", ,")],
    ) {
        // A quote on the right could close one on the left, and then the text between is quoted.
        let line = format!("cache-control: {left}{gap}{prohibition}{gap}{right}");
        let control = CacheControl::parse(&fields(&[&line]));
        let quoted = left.matches('"').count() > 1;
        let held = match prohibition {
            "no-store" => control.no_store,
            "private" => control.private == Scope::Whole,
            _ => control.no_cache == Scope::Whole,
        };
        prop_assert!(held || quoted, "{}", line);
    }

    #[test]
    fn a_canonical_query_is_its_own(
        query in "[a-c=&%+0-9é]{0,30}",
        value in prop_oneof![
            Just("key-order"),
            Just("params=(\"a\")"),
            Just("params, except=(\"a\" \"b\")"),
        ],
    ) {
        let rule = NoVarySearch::parse(&fields(&[&format!("no-vary-search: {value}")]));
        let canonical = rule.canonical(&query);
        prop_assert_eq!(rule.canonical(&canonical), canonical);
    }

    #[test]
    fn what_is_encoded_decodes_to_itself(seconds in 0i64..253_402_300_800, tag in "[!#-~]{0,20}") {
        let date = HttpDate::at(breadbox::cache::Time(seconds * 1000));
        prop_assert_eq!(HttpDate::parse(&date.to_string()), Some(date));
        let tag = EntityTag::parse(&format!("W/\"{tag}\"")).expect("a tag");
        prop_assert_eq!(EntityTag::parse(&tag.to_string()), Some(tag));
        let count = u64::try_from(seconds).expect("not negative");
        let expected = count.min(1 << 31).to_string();
        prop_assert_eq!(Seconds::new(count).count().to_string(), expected);
    }
}

const NAMES: [&str; 14] = [
    "cache-control",
    "cdn-cache-control",
    "surrogate-control",
    "age",
    "expires",
    "if-none-match",
    "if-range",
    "etag",
    "range",
    "content-range",
    "vary",
    "cache-groups",
    "no-vary-search",
    "xkey",
];
