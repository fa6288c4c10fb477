//! What is not a matter for the cache goes through untouched.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};
use xtask::harness::{Edge, SharedTier, Spec};
use xtask::origin::Reply;

use crate::site::{Site, answer, asked_exactly, page};

#[tokio::test]
async fn every_method_passes_with_its_body() -> Result<()> {
    let site = Site::strict(|seen| {
        let echo = format!("{} {}", seen.method, String::from_utf8_lossy(&seen.body));
        Reply::ok(echo).header("cache-control", "max-age=600").header("x-answer", "yes")
    })?;
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"] {
        for times in 1..3 {
            let path = format!("/echo/{method}?x=1");
            let request = site.request(method, 0, &path).body("a=1&b=\u{fc}");
            let answered = answer(request.header("content-type", "text/x-test")).await?;
            assert_eq!(answered.status, 200, "{method}: {}", answered.text());
            assert_eq!(answered.text(), format!("{method} a=1&b=\u{fc}"));
            assert_eq!(answered.header("x-answer"), "yes");
            assert!(answered.says("fwd=method"), "{}", answered.headers_text());
            let seen = site.origin.requests_for(&format!("/echo/{method}"));
            assert_eq!(seen.len(), times, "{method} was answered by the cache");
            let last = seen.last().context("the origin was not asked")?;
            assert_eq!((last.header("content-type"), last.query.as_str()), ("text/x-test", "x=1"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn large_bodies_pass_both_ways() -> Result<()> {
    let site = Site::strict(|seen| Reply::ok(seen.body.clone()))?;
    let body: Vec<u8> = (0..4_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761) as u8).collect();
    let answered = answer(site.request("POST", 0, "/large").body(body.clone())).await?;
    assert_eq!(answered.status, 200, "{}", answered.headers_text());
    assert!(answered.body == body, "{} bytes came back", answered.body.len());
    Ok(())
}

#[tokio::test]
async fn bodies_over_the_limit_stream_through_unstored() -> Result<()> {
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761) as u8).collect();
    for chunked in [false, true] {
        let sent = body.clone();
        let site = Site::start(move |_| {
            let reply = page(1).body(sent.clone());
            if chunked { reply.drip(100_000, Duration::ZERO) } else { reply }
        })?;
        for times in 1..4 {
            let answered = site.get(times, "/big").await?;
            assert!(answered.body == body, "{} bytes came", answered.body.len());
            assert!(!answered.says("hit"), "{}", answered.headers_text());
            asked_exactly(&site, "/big", times);
        }
    }
    Ok(())
}

/// The origin never finishes, so what arrives has been passed on before it has.
#[tokio::test]
async fn the_first_bytes_do_not_wait_for_the_last() -> Result<()> {
    for lifetime in ["max-age=600", "no-store"] {
        let site = Site::strict(move |_| {
            Reply::ok("first last").header("cache-control", lifetime).stall(5)
        })?;
        let request = site.request("GET", 0, "/endless");
        let mut response = request.send().await.context("the head did not arrive")?;
        let mut received = Vec::new();
        while received.len() < 5 {
            let chunk = response.chunk().await;
            let chunk = chunk.with_context(|| format!("{lifetime}: no first bytes"))?;
            received.extend_from_slice(&chunk.context("the body ended early")?);
        }
        assert_eq!(received, b"first", "{lifetime}");
    }
    Ok(())
}

#[tokio::test]
async fn websockets_pass() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let origin = format!("http://{}", listener.local_addr()?);
    let server = thread::spawn(move || echo_one(&listener));
    let spec = Spec { shared: SharedTier::Off, ..Spec::of(&origin) };
    let edge = tokio::task::spawn_blocking(|| Edge::start(spec)).await??;
    let authority = edge.url(0).trim_start_matches("http://").to_owned();
    let client = thread::spawn(move || converse(&authority));
    let (asked, answered) =
        tokio::task::spawn_blocking(move || (client.join(), server.join())).await?;
    let said = asked.map_err(|_| anyhow::anyhow!("the client panicked"))??;
    assert_eq!(said, b"echo of hello");
    answered.map_err(|_| anyhow::anyhow!("the server panicked"))?
}

/// A WebSocket client (RFC 6455): one text there, one back.
fn converse(authority: &str) -> Result<Vec<u8>> {
    let stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(crate::site::PATIENCE))?;
    let mut stream = BufReader::new(stream);
    let key = BASE64.encode([7_u8; 16]);
    write!(
        stream.get_mut(),
        "GET /socket HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )?;
    let head = head(&mut stream)?;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let mask = [1, 2, 3, 4];
    let masked = b"hello".iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    let mut frame = vec![0x81, 0x80 | 5];
    frame.extend_from_slice(&mask);
    frame.extend(masked);
    stream.get_mut().write_all(&frame)?;
    read_frame(&mut stream)
}

/// A WebSocket server for one connection and one message.
fn echo_one(listener: &TcpListener) -> Result<()> {
    let mut stream = BufReader::new(listener.accept()?.0);
    stream.get_ref().set_read_timeout(Some(crate::site::PATIENCE))?;
    let head = head(&mut stream)?;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
    });
    let key = key.with_context(|| format!("the request is no handshake: {head}"))?;
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes());
    write!(
        stream.get_mut(),
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        BASE64.encode(digest)
    )?;
    let message = [b"echo of ".as_slice(), &read_frame(&mut stream)?].concat();
    let length = u8::try_from(message.len())?;
    stream.get_mut().write_all(&[&[0x81, length], message.as_slice()].concat())?;
    // Held open until the other side has what it wants.
    let _ = stream.read(&mut [0]);
    Ok(())
}

fn head(stream: &mut impl BufRead) -> Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            bail!("the connection closed after {head:?}");
        }
    }
    Ok(head)
}

/// The payload of a short frame, unmasked if it is masked.
fn read_frame(stream: &mut impl Read) -> Result<Vec<u8>> {
    let mut start = [0; 2];
    stream.read_exact(&mut start)?;
    let mut mask = [0; 4];
    if start[1] & 0x80 != 0 {
        stream.read_exact(&mut mask)?;
    }
    let mut payload = vec![0; usize::from(start[1] & 0x7f)];
    stream.read_exact(&mut payload)?;
    Ok(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())
}
