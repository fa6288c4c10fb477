//! What is stored compressed, and who gets it how.

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{Action, Content, Exchange, Fault, Found, Outcome, Reach, Reply};
use breadbox::cache::family::Generation;
use breadbox::cache::policy::{Form, Standing, compressible, form, formed, pays};
use breadbox::cache::{Octets, Time};

use super::messages::{NOW, lines, plan, request, response, rule};

#[test]
fn text_without_a_coding_may_be_stored_compressed() {
    let gzip = &["accept-encoding: gzip"][..];
    let table: &[(&str, &[&str], &[&str], bool)] = &[
        ("choice", &[], &["content-type: text/html; charset=utf-8"], true),
        ("choice", &[], &["content-type: Application/JSON"], true),
        ("choice", &[], &["content-type: application/ld+json"], true),
        ("choice", &[], &["content-type: image/svg+xml"], true),
        ("choice", &[], &["content-type: application/wasm"], true),
        ("choice", &[], &["content-type: text/event-stream"], false),
        ("choice", &[], &["content-type: image/png"], false),
        ("choice", &[], &["content-type: application/zip"], false),
        ("choice", &[], &["content-type: json"], false),
        ("RFC 9110 §8.3", &[], &["content-type: text/css", "content-type: image/png"], false),
        ("choice", &[], &[], false),
        ("RFC 9110 §8.4", &[], &["content-type: text/css", "content-encoding: br"], false),
        (
            "RFC 9111 §5.2.2.6",
            gzip,
            &["content-type: text/css", "cache-control: no-transform"],
            false,
        ),
        ("RFC 9110 §15.3.7", &[], &["206", "content-type: text/css"], false),
        ("choice", gzip, &["content-type: text/css", "content-digest: sha-256=:a:"], false),
        ("choice", gzip, &["content-type: text/css", "repr-digest: sha-256=:a:"], false),
        ("choice", gzip, &["content-type: text/css", "content-md5: a"], false),
        ("choice", gzip, &["content-type: text/css", "digest: a"], false),
        ("choice", gzip, &["content-type: text/css", "signature: a=:a:"], false),
        ("RFC 9110 §12.5.5", &[], &["content-type: text/css", "vary: accept"], true),
        ("RFC 9110 §12.5.5", &[], &["content-type: text/css", "vary: accept-encoding"], false),
        ("RFC 9110 §12.5.5", gzip, &["content-type: text/css", "vary: accept-encoding"], true),
    ];
    for (cite, asked, stored, expected) in table {
        let may = |words| compressible(&request(asked), &response(stored), &rule(words));
        assert_eq!(may("gzip"), *expected, "{cite}: {asked:?} {stored:?}");
        assert!(!may(""), "only where the rule says so");
    }
}

#[test]
fn compression_has_to_pay() {
    assert!(!pays(1023, None) && pays(1024, None));
    assert!(pays(1024, Some(896)) && !pays(1024, Some(897)));
    assert!(!pays(1023, Some(1)) && !pays(2000, Some(3000)));
}

#[test]
fn our_coding_is_for_those_who_ask_for_it() {
    let table: &[(&str, &[&str], &[&str], Form)] = &[
        ("RFC 9110 §12.5.3", &["accept-encoding: br, gzip"], &[], Form::Compressed),
        ("RFC 9110 §12.5.3", &["accept-encoding: *"], &[], Form::Compressed),
        ("RFC 9110 §12.5.3", &["accept-encoding: x-gzip;q=0.1"], &[], Form::Compressed),
        ("choice", &[], &[], Form::Restored),
        ("RFC 9110 §12.5.3", &["accept-encoding: "], &[], Form::Restored),
        ("RFC 9110 §12.5.3", &["accept-encoding: br"], &[], Form::Restored),
        ("RFC 9110 §12.5.3", &["accept-encoding: gzip;q=0, *"], &[], Form::Restored),
        ("choice", &["accept-encoding: gzip;q=.0"], &[], Form::Restored),
        ("choice", &["accept-encoding: gzip;q=00.0000"], &[], Form::Restored),
        ("choice", &["accept-encoding: gzip;q=0."], &[], Form::Restored),
        ("choice", &["accept-encoding: gzip;q="], &[], Form::Compressed),
        ("choice", &["accept-encoding: gzip;q=."], &[], Form::Compressed),
        (
            "RFC 9111 §5.2.2.6",
            &["accept-encoding: gzip"],
            &["cache-control: no-transform"],
            Form::Restored,
        ),
    ];
    for (cite, asked, stored, expected) in table {
        let found = form(&request(asked), &response(stored), Octets::Compressed);
        assert_eq!(found, *expected, "{cite}: {asked:?} {stored:?}");
    }
}

/// What is restored is what the origin sent; what is compressed is another representation.
#[test]
fn each_form_has_fields_of_its_own() {
    let stored = response(&["etag: \"a\"", "content-length: 9", "accept-ranges: bytes", "vary: a"]);
    let restored = lines(&formed(&stored, Form::Restored).headers);
    let vary = "vary: Accept-Encoding";
    assert_eq!(restored, ["content-length: 9", "etag: \"a\"", "vary: a", vary]);
    let compressed = lines(&formed(&stored, Form::Compressed).headers);
    let expected = ["content-encoding: gzip", "etag: W/\"a\"", "vary: a", vary];
    assert_eq!(compressed, expected, "RFC 9110 §8.8.3.3");
}

/// A body of the length that its fields say; the answer to the compression is the test's.
fn stored(control: &str, length: u64, packed: &Outcome<u8>) -> (Reply<u8>, Option<(Entry, u8)>) {
    let plan = plan(rule("gzip"));
    let begun = Exchange::begin(request(&["accept-encoding: gzip"]), NOW, 1, plan);
    let (mut exchange, mut action) = begun;
    let (mut replied, mut kept) = (None, None);
    while !matches!(action, Action::Stop) {
        let outcome = match action {
            Action::Acquire { .. } => super::courses::granted(Reach::Everywhere),
            Action::Lookup { .. } => Outcome::Absent,
            Action::Fetch(_) => Outcome::Answered {
                response: response(&["200", control, "content-type: text/css", "etag: \"a\""]),
                length: None,
            },
            Action::Collect { .. } => Outcome::Collected { body: 1, length },
            Action::Compress { body } => {
                assert!(body == 1 && replied.is_some(), "it is not waited for");
                packed.clone()
            }
            Action::Reply(reply) => {
                replied = Some(reply);
                Outcome::Done
            }
            Action::Store { entry, body, .. } => {
                kept = body.map(|body| (*entry, body));
                Outcome::Stored
            }
            other => panic!("{other:?}"),
        };
        (exchange, action) = exchange.resume(outcome, NOW);
    }
    (replied.expect("a reply"), kept)
}

#[test]
fn what_pays_is_stored_compressed_after_the_reply() {
    let (fresh, small) =
        ("cache-control: max-age=60", Outcome::Compressed { body: 2, length: 500 });
    let (reply, kept) = stored(fresh, 2000, &small);
    let (entry, body) = kept.expect("it is stored");
    assert_eq!((entry.kind, entry.body_len, body), (Kind::Compressed { plain: 2000 }, 500, 2));
    let first = lines(&reply.head.headers);
    assert!(first.contains(&"etag: \"a\"".to_owned()), "the first client gets the origin's own");
    assert!(first.contains(&"vary: Accept-Encoding".to_owned()), "RFC 9110 §12.5.5: {first:?}");
    assert_eq!(entry.head.headers["etag"], "\"a\"", "RFC 9111 §4.3.1: what the origin is asked by");
    let much = Outcome::Compressed { body: 2, length: 1900 };
    let failed = Outcome::Failed(Fault::Malformed);
    for (control, length, packed) in [
        (fresh, 2000, &much),
        (fresh, 2000, &failed),
        (fresh, 1000, &small),
        ("cache-control: max-age=60, no-transform", 2000, &small),
    ] {
        let (_, kept) = stored(control, length, packed);
        let (entry, body) = kept.expect("it is stored");
        assert_eq!((entry.kind, entry.body_len, body), (Kind::Response, length, 1), "{control}");
    }
}

/// What is stored compressed answers everybody; conditions know both forms, parts are cut of none.
#[test]
fn what_is_stored_compressed_answers_everybody() {
    let gzip = "accept-encoding: gzip";
    let table: &[(&[&str], u16, &str, bool)] = &[
        (&[gzip], 200, "W/\"a\"", false),
        (&[], 200, "\"a\"", true),
        (&[gzip, "range: bytes=0-1"], 200, "W/\"a\"", false),
        (&["range: bytes=0-1", "if-range: \"a\""], 200, "\"a\"", true),
        (&[gzip, "if-none-match: W/\"a\""], 304, "W/\"a\"", false),
        (&[gzip, "if-none-match: \"a\""], 304, "W/\"a\"", false),
        (&["if-none-match: W/\"a\""], 304, "\"a\"", true),
    ];
    for (asked, status, tag, decodes) in table {
        let reply = hit(asked);
        assert_eq!((reply.head.status, reply.decode.is_some()), (*status, *decodes), "{asked:?}");
        assert_eq!(reply.head.headers["etag"], *tag, "RFC 9110 §8.8.3.3: {asked:?}");
        assert_eq!(reply.saved, if *decodes || *status == 304 { 0 } else { 1500 }, "{asked:?}");
    }
    for (asked, length) in [(&["HEAD", gzip][..], 500), (&["HEAD"], 2000)] {
        let content = hit(asked).content;
        assert!(matches!(content, Content::Head(told) if told == length), "RFC 9110 §8.6");
    }
}

fn hit(asked: &[&str]) -> Reply<u8> {
    let small = Outcome::Compressed { body: 2, length: 500 };
    let (_, kept) = stored("cache-control: max-age=60", 2000, &small);
    let (mut entry, body) = kept.expect("it is stored");
    entry.generation = Generation::NONE;
    let found = Found { entry, body, standing: Standing::Clean };
    let (exchange, _) = Exchange::begin(request(asked), NOW, 1, plan(rule("")));
    match exchange.resume(Outcome::Found(found), Time(NOW.0 + 1)) {
        (_, Action::Reply(reply)) => reply,
        (_, other) => panic!("{other:?}"),
    }
}
