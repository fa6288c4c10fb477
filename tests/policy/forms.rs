//! Codings that a client can't take, and what HEAD tells of what is stored.

use breadbox::cache::field::Coding;
use breadbox::cache::policy::{Form, Told, form, formed, head_tells};
use breadbox::cache::{Octets, ResponseHead};

use super::messages::{fields, lines, request, response};

#[test]
fn codings_are_taken_off_for_those_who_cannot_take_them() {
    let gzip = Form::Decoded(Coding::Gzip);
    let table: &[(&str, &[&str], &[&str], Form)] = &[
        ("RFC 9110 §12.5.3", &[], &["content-encoding: gzip"], Form::AsIs),
        (
            "RFC 9110 §12.5.3",
            &["accept-encoding: br, gzip"],
            &["content-encoding: gzip"],
            Form::AsIs,
        ),
        ("RFC 9110 §12.5.3", &["accept-encoding: *"], &["content-encoding: gzip"], Form::AsIs),
        (
            "RFC 9110 §12.5.3",
            &["accept-encoding: GZIP;q=0.1"],
            &["content-encoding: gzip"],
            Form::AsIs,
        ),
        (
            "RFC 9110 §8.4.1.3",
            &["accept-encoding: gzip"],
            &["content-encoding: x-gzip"],
            Form::AsIs,
        ),
        ("RFC 9110 §12.5.3", &["accept-encoding: br"], &["content-encoding: gzip"], gzip),
        ("RFC 9110 §12.5.3", &["accept-encoding: identity"], &["content-encoding: X-GZip"], gzip),
        ("RFC 9110 §12.5.3", &["accept-encoding: "], &["content-encoding: gzip"], gzip),
        ("RFC 9110 §12.5.3", &["accept-encoding: gzip;q=0, *"], &["content-encoding: gzip"], gzip),
        (
            "RFC 9110 §12.5.3",
            &["accept-encoding: *;q=0, identity"],
            &["content-encoding: gzip"],
            gzip,
        ),
        (
            "RFC 9110 §8.4.1.2",
            &["accept-encoding: br"],
            &["content-encoding: deflate"],
            Form::Decoded(Coding::Deflate),
        ),
        (
            "RFC 9110 §12.5.3",
            &["accept-encoding: br, *;q=0"],
            &["content-encoding: gzip"],
            Form::AsIs,
        ),
        ("RFC 9110 §8.4", &["accept-encoding: gzip"], &["content-encoding: br"], Form::Unsuitable),
        (
            "RFC 9110 §8.4",
            &["accept-encoding: br"],
            &["content-encoding: gzip, br"],
            Form::Unsuitable,
        ),
        (
            "RFC 9110 §8.4",
            &["accept-encoding: identity"],
            &["content-encoding: identity"],
            Form::AsIs,
        ),
        (
            "RFC 9111 §5.2.2.6",
            &["accept-encoding: br"],
            &["content-encoding: gzip", "cache-control: no-transform"],
            Form::Unsuitable,
        ),
    ];
    for (cite, asked, stored, expected) in table {
        let found = form(&request(asked), &response(stored), Octets::Received);
        assert_eq!(found, *expected, "{cite}: {asked:?} {stored:?}");
    }
}

/// RFC 9110 §12.5.3: a coding that no client lists is the origin's affair with those who know it.
#[test]
fn a_coding_of_the_origins_own_is_served_as_it_is() {
    let stored = response(&["content-encoding: own"]);
    assert_eq!(form(&request(&["accept-encoding: gzip"]), &stored, Octets::Received), Form::AsIs);
    assert_eq!(
        form(&request(&["accept-encoding: own;q=0"]), &stored, Octets::Received),
        Form::Unsuitable
    );
}

#[test]
fn a_decoded_response_is_another_representation() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("RFC 9110 §8.8.3.3", &["etag: \"a\""], &["etag: W/\"a\"", "vary: Accept-Encoding"]),
        ("RFC 9110 §8.8.3.3", &["etag: W/\"a\""], &["etag: W/\"a\"", "vary: Accept-Encoding"]),
        ("RFC 9110 §12.5.5", &["vary: accept"], &["vary: accept", "vary: Accept-Encoding"]),
        ("RFC 9110 §12.5.5", &["vary: ACCEPT-encoding"], &["vary: ACCEPT-encoding"]),
        (
            "RFC 9110 §8.6",
            &["content-length: 9", "content-encoding: gzip", "accept-ranges: bytes", "a: 1"],
            &["a: 1", "vary: Accept-Encoding"],
        ),
        (
            "RFC 9110 §8.4",
            &["content-digest: sha-256=:a:", "repr-digest: sha-256=:a:", "digest: x"],
            &["vary: Accept-Encoding"],
        ),
    ];
    for (cite, stored, expected) in table {
        let head = response(stored);
        let found = lines(&formed(&head, Form::Decoded(Coding::Gzip)).headers);
        assert_eq!(found, *expected, "{cite}: {stored:?}");
        assert_eq!(*formed(&head, Form::AsIs), head);
    }
}

fn told_with(status: u16, lines: &[&str]) -> ResponseHead {
    ResponseHead { status, ..response(lines) }
}

#[test]
fn head_tells_whether_what_is_stored_is_current() {
    let current = |fields: &'static [&'static str]| Some(Ok(fields));
    let outdated = Some(Err(()));
    type Lines = &'static [&'static str];
    type Row = (&'static str, Lines, u16, Lines, Option<Result<Lines, ()>>);
    let table: &[Row] = &[
        (
            "RFC 9111 §4.3.5",
            &["etag: \"a\"", "x: 1", "y: 1"],
            200,
            &["etag: \"a\"", "x: 2"],
            current(&["etag: \"a\"", "x: 2", "y: 1"]),
        ),
        (
            "RFC 9111 §4.3.5",
            &["etag: \"a\"", "age: 5"],
            200,
            &["etag: \"a\"", "content-length: 9"],
            current(&["etag: \"a\""]),
        ),
        ("RFC 9111 §4.3.5", &["etag: \"a\""], 200, &["etag: \"b\""], outdated),
        ("RFC 9111 §4.3.5", &["etag: \"a\""], 200, &["etag: \"a\"", "content-length: 8"], outdated),
        ("RFC 9111 §4.3.5", &["last-modified: {-9}"], 200, &["last-modified: {-8}"], outdated),
        (
            "RFC 9111 §4.3.5",
            &["last-modified: {-9}"],
            200,
            &["last-modified: {-9}"],
            current(&["last-modified: {-9}"]),
        ),
        ("choice", &["x: 1"], 200, &["x: 2"], None),
        ("choice", &["x: 1"], 200, &["x: 2", "content-length: 8"], None),
        ("choice", &["x: 1"], 200, &["etag: \"a\""], None),
        ("choice", &["etag: \"a\""], 410, &["etag: \"a\""], None),
    ];
    for (cite, stored, status, told, expected) in table {
        let found = head_tells(&response(stored), 9, &told_with(*status, told));
        match (&found, expected) {
            (Told::Current(head), Some(Ok(expected))) => {
                let expected = lines(&fields(expected));
                assert_eq!(lines(&head.headers), expected, "{cite}: {stored:?} {told:?}");
            }
            (Told::Outdated, Some(Err(()))) | (Told::Nothing, None) => {}
            _ => panic!("{cite}: {stored:?} {told:?}: {found:?}"),
        }
    }
}
