//! A client that sends exactly what a test wants, byte for byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request on a connection of its own and reads the answer to its end.
pub fn send(address: SocketAddr, head: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = open(address, head, headers, Some(body.len()));
    stream.write_all(body).expect("the body is taken");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the answer comes and the connection ends");
    parse(&bytes)
}

/// Sends a request and leaves the answer to the caller.
pub fn open(
    address: SocketAddr,
    head: &str,
    headers: &[(&str, &str)],
    length: Option<usize>,
) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the gateway takes connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut text = format!("{head} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if let Some(length) = length.filter(|length| *length > 0) {
        text += &format!("Content-Length: {length}\r\n");
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).expect("the head is taken");
    stream
}

/// The data lines of an event stream, as they come.
pub struct Events {
    lines: BufReader<TcpStream>,
}

impl Events {
    /// Reads the head of the answer, which must be an event stream.
    pub fn new(stream: TcpStream) -> Self {
        let mut events = Self { lines: BufReader::new(stream) };
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            events.lines.read_line(&mut head).expect("a head");
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("text/event-stream"), "{head}");
        events
    }

    /// The next data line; nothing when the stream has ended.
    pub fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).expect("another line or the end") > 0 {
            if let Some(data) = line.trim_end_matches(['\r', '\n']).strip_prefix("data: ") {
                return Some(data.to_owned());
            }
            line.clear();
        }
        None
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        other => panic!("no complete answer: {other:?} in {:?}", String::from_utf8_lossy(bytes)),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Answer {
        status: response.code.unwrap_or_default(),
        headers: response.headers.iter().map(|h| (h.name.to_owned(), text(h.value))).collect(),
        body: bytes[head..].to_vec(),
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
