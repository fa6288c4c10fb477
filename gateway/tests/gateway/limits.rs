//! Requests that are too large, too long or too many.

use std::io::{Read, Write};

use crate::http::open;
use crate::place::{Place, TOKEN, redis};

#[test]
fn a_body_over_the_limit_is_read_and_refused() {
    let server = redis();
    let place = Place::over(&server.url());
    let large = vec![b'x'; LIMIT + 1];
    let answer = place.ask("POST /set/large", &[], &large);
    let expected = "ERR max request size exceeded. Limit: 10485760 bytes, Actual: 10485761 bytes";
    assert_eq!(answer.status, 413);
    assert_eq!(answer.text(), format!(r#"{{"error":"{expected}"}}"#));
    let answer = place.ask("POST /set/large", &[], &large[..LIMIT]);
    assert_eq!(answer.text(), r#"{"result":"OK"}"#);
    let length = place.run(r#"["STRLEN","large"]"#);
    assert_eq!(length, r#"{"result":10485760}"#);
    let raw = place.ask("GET /get/large", &[("Upstash-Response-Format", "resp2")], "");
    assert_eq!(raw.body.len(), LIMIT + "$10485760\r\n\r\n".len());
}

#[test]
fn a_chunked_body_is_held_to_the_same_limit() {
    let server = redis();
    let place = Place::with(&server.url(), &["--max-request", "1000"]);
    let chunked = |chunks: usize| {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [("Authorization", bearer.as_str()), ("Transfer-Encoding", "chunked")];
        let mut stream = open(place.address(), "POST /set/chunked", &headers, None);
        for _ in 0..chunks {
            stream.write_all(b"64\r\n").expect("a chunk's head");
            stream.write_all(&[b'y'; 100]).expect("a chunk");
            stream.write_all(b"\r\n").expect("a chunk's end");
        }
        stream.write_all(b"0\r\n\r\n").expect("the last chunk");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    assert!(chunked(10).starts_with("HTTP/1.1 200 "), "{}", chunked(10));
    assert!(chunked(11).starts_with("HTTP/1.1 413 "), "{}", chunked(11));
}

#[test]
fn a_batch_holds_at_most_1000_commands() {
    let server = redis();
    let place = Place::over(&server.url());
    let batch = |count: usize| format!("[{}]", vec![r#"["INCR","b"]"#; count].join(","));
    let full = place.ask("POST /pipeline", &[], batch(1000));
    assert!(full.text().ends_with(r#"{"result":1000}]"#));
    for path in ["POST /pipeline", "POST /multi-exec"] {
        let over = place.ask(path, &[], batch(1001));
        let expected = "ERR pipeline request has 1001 commands, at most 1000 are allowed";
        assert_eq!((over.status, over.text()), (400, format!(r#"{{"error":"{expected}"}}"#)));
    }
}

#[test]
fn large_bodies_wait_for_their_share_of_the_memory() {
    let server = redis();
    let place = Place::with(&server.url(), &["--body-memory", "1000000"]);
    let body = vec![b'z'; 900_000];
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let (place, body) = (&place, &body);
                scope.spawn(move || place.ask(&format!("POST /set/share{n}"), &[], body).status)
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().expect("a thread"), 200);
        }
    });
}

const LIMIT: usize = 10 << 20;
