//! What holds for every field, however malformed.

use breadbox::cache::field::{
    Age, ByteRange, CacheControl, Directives, EntityTag, Expires, HttpDate, IfNoneMatch, IfRange,
    NoVarySearch, Range, Scope, Seconds, Selection, Source, Vary, groups, invalidated_groups, tags,
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

    /// The targeted field is read by another parser; what both can express means the same in both
    /// (RFC 9213 §2.1).
    #[test]
    fn both_readers_of_directives_agree(
        members in proptest::collection::vec((0..FLAGS.len() + SPANS.len(), any::<u32>()), 1..8),
    ) {
        // Of a repeated key a dictionary keeps the last (RFC 9651 §4.2.2), a list all.
        let mut told = std::collections::BTreeMap::new();
        for (which, number) in members {
            let (name, member) = match FLAGS.get(which) {
                Some(flag) => (*flag, (*flag).to_owned()),
                None => {
                    let span = SPANS[which - FLAGS.len()];
                    (span, format!("{span}={number}"))
                }
            };
            told.entry(name).or_insert(member);
        }
        let value = told.into_values().collect::<Vec<_>>().join(", ");
        let plain = CacheControl::parse(&fields(&[&format!("cache-control: {value}")]));
        let targeted = Directives::parse(&fields(&[&format!("cdn-cache-control: {value}")]));
        prop_assert_eq!(targeted.source, Source::CdnCacheControl);
        prop_assert_eq!(targeted.control, plain);
    }

    /// In a targeted field, too, as long as it is one (RFC 9213 §2.1); else `Cache-Control` rules.
    #[test]
    fn a_targeted_prohibition_survives_any_neighbour(
        left in "[a-z][a-z-]{0,9}(=[0-9]{1,5}|=\"[a-z, ]{0,9}\"|=\\?[01]|;[a-z]=1)?",
        right in "[ -~]{0,20}",
        prohibition in prop_oneof![Just("no-store"), Just("private"), Just("no-cache")],
    ) {
        prop_assume!(!right.contains(prohibition));
        let line = format!("cdn-cache-control: {left}, {prohibition}, {right}");
        let plain = "cache-control: no-store, private, no-cache";
        let told = Directives::parse(&fields(&[&line, plain]));
        let held = match prohibition {
            "no-store" => told.control.no_store,
            "private" => told.control.private == Scope::Whole,
            _ => told.control.no_cache == Scope::Whole,
        };
        prop_assert!(held, "{}", line);
    }

    /// What `sfv` writes as a list of strings is read as that list (RFC 9875 §2, RFC 9651 §3.1).
    #[test]
    fn groups_are_read_as_they_are_written(
        names in proptest::collection::vec("[ -~]{0,12}", 1..6),
        split in any::<bool>(),
    ) {
        let quoted = |name: &String| {
            let text = sfv::StringRef::from_str(name).expect("printable");
            sfv::ItemSerializer::new().bare_item(text).finish()
        };
        let members: Vec<String> = names.iter().map(quoted).collect();
        let mut headers = HeaderMap::new();
        let lines = if split { members } else { vec![members.join(", ")] };
        for line in lines {
            let line = HeaderValue::from_str(&line).expect("printable");
            headers.append("cache-groups", line.clone());
            headers.append("cache-group-invalidation", line);
        }
        prop_assert_eq!(groups(&headers), names.clone());
        prop_assert_eq!(invalidated_groups(&headers), names);
    }

    /// One member that is no string takes the whole field along: it is a structured field
    /// (RFC 9651 §1.1).
    #[test]
    fn groups_are_strict(
        names in proptest::collection::vec("\"[a-z]{0,5}\"", 0..4),
        wrong in prop_oneof![Just("a"), Just("1"), Just("?1"), Just("(\"a\")"), Just("\"a")],
        at in 0usize..4,
    ) {
        let mut members = names;
        members.insert(at.min(members.len()), wrong.to_owned());
        let line = format!("cache-groups: {}", members.join(", "));
        prop_assert!(groups(&fields(&[&line])).is_empty(), "{}", line);
    }

    #[test]
    fn a_date_is_read_in_all_three_forms(seconds in 0i64..2_147_483_648) {
        let date = HttpDate::at(breadbox::cache::Time(seconds * 1000));
        let text = date.to_string();
        let words: Vec<&str> = text.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        let [day, number, month, year, time, _] = words[..] else { panic!("{text}") };
        let short = &year[2..];
        let long = LONG_DAYS.iter().find(|long| long.starts_with(day)).expect("a day");
        let forms = [
            text.clone(),
            format!("{long}, {number}-{month}-{short} {time} GMT"),
            format!("{day} {month} {:>2} {time} {year}", number.trim_start_matches('0')),
        ];
        for form in forms {
            prop_assert_eq!(HttpDate::parse(&form), Some(date), "{}", &form);
            prop_assert_eq!(HttpDate::parse(&form.to_uppercase()), Some(date), "{}", form);
        }
    }

    #[test]
    fn a_part_is_read_as_it_is_written(
        first in any::<u64>(),
        len in any::<u64>(),
        more in 1u64..9,
    ) {
        let last = first.saturating_add(len).min(u64::MAX - 10);
        prop_assume!(first <= last);
        let range = ByteRange { first, last, complete: last + more };
        let headers = fields(&[&format!("content-range: {range}")]);
        prop_assert_eq!(ByteRange::of_response(&headers), Some(range));
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

const FLAGS: [&str; 9] = [
    "immutable",
    "must-revalidate",
    "must-understand",
    "no-cache",
    "no-store",
    "no-transform",
    "private",
    "proxy-revalidate",
    "public",
];

const SPANS: [&str; 4] = ["max-age", "s-maxage", "stale-if-error", "stale-while-revalidate"];

const LONG_DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

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
