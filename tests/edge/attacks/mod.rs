//! Attacks on a shared cache, by class: what an attacker sends, what the next client gets, and what
//! lies in the stores afterwards.

mod errors;
mod floods;
mod keys;
mod requests;
mod smuggling;
mod store;
mod unkeyed;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Result;
use xtask::origin::{Reply, Seen};

use crate::site::{HOST, Site};

/// What an attacker tries to bring into others' answers.
const EVIL: &str = "evil.example";

/// Sends bytes as they are to the first isolate; what came back until it closed or was silent.
fn raw(site: &Site, message: impl AsRef<[u8]>) -> Result<String> {
    let mut stream = TcpStream::connect(site.edge.url(0).trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(SILENCE))?;
    // A server may refuse what it has not read to the end.
    let _ = stream.write_all(message.as_ref());
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        answer.extend_from_slice(&chunk[..count]);
        if !String::from_utf8_lossy(message.as_ref()).contains("close") && ended(&answer) {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Whether an answer of known length is whole.
fn ended(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse::<usize>().ok()).is_some_and(|it| body.len() >= it)
}

/// A GET with more field lines, each ended by CRLF.
fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{fields}Connection: close\r\n\r\n")
}

/// A page that tells everything the origin was told, and may be stored.
fn mirror(seen: &Seen) -> Reply {
    let mut told = format!("{} {}?{}\n", seen.method, seen.path, seen.query);
    for (name, value) in &seen.headers {
        told.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    told.push_str(&String::from_utf8_lossy(&seen.body));
    Reply::ok(told).header("cache-control", "max-age=600")
}

/// Nothing that lies in Redis holds what the attacker sent.
fn expect_clean_store(site: &mut Site, why: &str) -> Result<()> {
    let mut wire = site.wire()?;
    for key in wire.keys("*:e:*")? {
        let value = String::from_utf8_lossy(&wire.value(&key)?).into_owned();
        assert!(!value.contains(EVIL), "{why}: {value:?} is stored");
    }
    Ok(())
}

const SILENCE: Duration = Duration::from_secs(3);
