//! Entries are read back as they were written, and nothing else is read as an entry.

use std::time::Duration;

use breadbox::cache::entry::{Beginning, Damage, Entry, Kind};
use breadbox::cache::family::Generation;
use breadbox::cache::ledger::{Epoch, Sequence, Stamp};
use breadbox::cache::tuning::History;
use breadbox::cache::{Lifetime, ResponseHead, Time, checksum};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use proptest::prelude::*;

#[test]
fn every_truncation_is_an_error() {
    let bytes = whole(&sample());
    for length in 0..bytes.len() {
        let cut = bytes.get(..length).unwrap_or_default();
        assert!(Entry::decode(cut).is_err(), "{length} of {} bytes", bytes.len());
    }
    assert!(Entry::decode(&bytes).is_ok());
}

#[test]
fn every_further_byte_is_an_error() {
    let mut bytes = whole(&sample());
    bytes.push(0);
    assert_eq!(Entry::decode(&bytes), Err(Damage::Length));
}

#[test]
fn every_changed_byte_before_the_body_is_an_error() {
    let entry = sample();
    let (head, bytes) = (entry.encode().len(), whole(&entry));
    for place in 0..head {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[place] ^= change;
            assert!(Entry::decode(&changed).is_err(), "byte {place} xor {change:#x}");
        }
    }
}

#[test]
fn each_kind_of_damage_is_told_apart() {
    let bytes = whole(&sample());
    let damaged = |place: usize| {
        let mut bytes = bytes.clone();
        bytes[place] ^= 0x10;
        Entry::decode(&bytes).expect_err("damaged")
    };
    assert_eq!(damaged(3), Damage::Version, "the version's byte");
    assert_eq!(damaged(4), Damage::Checksum, "the checksum");
    assert_eq!(damaged(30), Damage::Checksum, "a number");
    assert_eq!(damaged(11), Damage::Length, "the length");
    assert_eq!(Entry::decode(b""), Err(Damage::Length));
}

#[test]
fn a_valid_checksum_over_nonsense_is_an_error_all_the_same() {
    for rest in [&[][..], &[2; 90], &[1; 40], &[0; 90], &[0xff; 200]] {
        let mut bytes = b"BBX\x01".to_vec();
        bytes.extend(checksum(rest).to_le_bytes());
        bytes.extend(u32::try_from(rest.len()).expect("short").to_le_bytes());
        bytes.extend(rest);
        let decoded = Entry::decode(&bytes);
        let zeros = rest.iter().all(|byte| *byte == 0) && !rest.is_empty();
        // Ninety zeros are 75 for an empty pass marker and fifteen too many.
        assert!(decoded.is_err(), "{} bytes, zeros: {zeros}: {decoded:?}", rest.len());
    }
}

/// Its first bytes say how many more must be read before the entry can be judged.
#[test]
fn the_first_bytes_tell_where_the_body_begins() {
    let bytes = whole(&sample());
    let body = sample().encode().len();
    assert_eq!(Entry::head_len(&bytes), Some(body));
    assert_eq!(Entry::head_len(&bytes[..12]), Some(body), "twelve are enough");
    assert_eq!(Entry::head_len(&bytes[..11]), None);
}

/// Who deletes what was purged reads no more of it than the ledger judges by.
#[test]
fn what_the_ledger_judges_by_stands_at_the_beginning() {
    let entry = sample();
    let bytes = entry.encode();
    let read = Beginning { stamp: entry.stamp, key: entry.key.clone(), tags: entry.tags.clone() };
    let parts = ["GET https://a.test/", "a", "b:1"];
    let end = 4 + 9 + 16 + 66 + 4 + parts.iter().map(|part| 4 + part.len()).sum::<usize>();
    assert_eq!(Beginning::read(&bytes), Some(read.clone()));
    assert_eq!(Beginning::read(&bytes[..end]), Some(read));
    assert_eq!(Beginning::read(&bytes[..end - 1]), None, "too few");
    assert_eq!(Beginning::read(&[b"BBX\x01", &bytes[4..]].concat()), None, "an older form");
}

/// Lifetimes are reckoned with what a history says, so it must be a count and a span.
#[test]
fn a_history_that_is_no_count_and_span_is_damage() {
    for (changes, seconds) in [
        (f64::NAN, 1.0),
        (f64::INFINITY, 1.0),
        (-1.0, 1.0),
        (1.0, f64::NAN),
        (1.0, f64::INFINITY),
        (1.0, -1.0),
    ] {
        let history = History { changes, seconds, digest: None };
        let read = Entry::decode(&whole(&Entry { history, ..sample() }));
        assert_eq!(read, Err(Damage::Value), "{changes} in {seconds} s");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(entry in any_entry()) {
        let bytes = whole(&entry);
        let (read, body) = Entry::decode(&bytes).expect("what was written");
        prop_assert_eq!(&read, &entry);
        prop_assert_eq!(bytes.len() - body, entry.body_len as usize);
        prop_assert_eq!(read.encode(), entry.encode());
    }

    #[test]
    fn garbage_is_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Entry::decode(&bytes).is_err());
    }

    #[test]
    fn garbage_under_a_valid_checksum_never_panics(
        rest in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..400),
    ) {
        let mut bytes = b"BBX\x01".to_vec();
        bytes.extend(checksum(&rest).to_le_bytes());
        bytes.extend(u32::try_from(rest.len()).expect("short").to_le_bytes());
        bytes.extend(&rest);
        if let Ok((entry, body)) = Entry::decode(&bytes) {
            prop_assert_eq!(body, bytes.len());
            let again = Entry::decode(&whole(&entry));
            prop_assert_eq!(again.map(|(entry, _)| entry), Ok(entry));
        }
    }
}

fn sample() -> Entry {
    let mut headers = HeaderMap::new();
    headers.append(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.append(header::LINK, HeaderValue::from_static("<a>"));
    headers.append(header::LINK, HeaderValue::from_static("<b>"));
    Entry {
        kind: Kind::Response,
        stamp: Stamp { epoch: Epoch(7), sequence: Sequence(9) },
        generation: Generation(11),
        generated: Time(1_800_000_000_000),
        lifetime: Lifetime {
            fresh: Duration::from_secs(60),
            stale: Duration::from_secs(120),
            rescue: Duration::from_secs(600),
            keep: Duration::from_secs(86_400),
        },
        fetch: Duration::from_millis(31),
        key: "GET https://a.test/".to_owned(),
        tags: vec!["a".to_owned(), "b:1".to_owned()],
        selecting: vec![(header::ACCEPT_LANGUAGE, "de".to_owned())],
        head: ResponseHead { status: 200, headers },
        body_len: 5,
        history: History::default(),
    }
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let span = || (0..1u64 << 40).prop_map(Duration::from_millis);
    let texts = || proptest::collection::vec(".{0,12}", 0..4);
    let fields = || proptest::collection::vec(("[a-z][a-z-]{0,8}", "[ -~]{0,12}"), 0..4);
    let numbers = (any::<u64>(), any::<u64>(), any::<i64>(), 100u16..1000, 0..64u64);
    let spans = (span(), span(), span(), span(), span());
    (numbers, spans, any::<bool>(), ".{0,30}", texts(), fields(), fields()).prop_map(
        |(numbers, spans, pass, key, tags, selecting, fields)| {
            let (epoch, sequence, generated, status, body_len) = numbers;
            let (fresh, stale, rescue, keep, fetch) = spans;
            let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).expect("a name");
            let mut headers = HeaderMap::new();
            for (field, value) in &fields {
                headers.append(name(field), HeaderValue::from_str(value).expect("printable"));
            }
            Entry {
                kind: match (pass, sequence % 2) {
                    (true, _) => Kind::Pass,
                    (false, 0) => Kind::Response,
                    (false, _) => Kind::Compressed { plain: epoch },
                },
                stamp: Stamp { epoch: Epoch(epoch), sequence: Sequence(sequence) },
                generation: Generation(sequence ^ epoch),
                generated: Time(generated),
                lifetime: Lifetime { fresh, stale, rescue, keep },
                fetch,
                key,
                tags,
                selecting: selecting.iter().map(|(n, value)| (name(n), value.clone())).collect(),
                head: ResponseHead { status, headers },
                body_len,
                history: History {
                    changes: f64::from(status % 3),
                    seconds: f64::from(status % 5),
                    digest: (status % 2 == 0).then_some(u32::from(status)),
                },
            }
        },
    )
}

fn whole(entry: &Entry) -> Vec<u8> {
    let body = vec![b'x'; usize::try_from(entry.body_len).expect("a short body")];
    [entry.encode(), body].concat()
}
