//! HTTP/1.1 as the octets on the wire: an origin that sends exactly what it is told to, and a
//! client that shows exactly what it got.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::site::PATIENCE;

/// A response as it came, its body taken out of its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The status line.
    pub line: String,
    /// The field lines in order, names as they were written, values octet by octet.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// The fields after the last chunk.
    pub trailers: Vec<String>,
}

/// An origin that answers each request with octets; the script gets method and path.
#[derive(Debug)]
pub struct Plain {
    url: String,
}

impl Plain {
    /// Starts one on a free port; it ends with the process of the tests.
    pub fn start(script: impl Fn(&str, &str) -> Vec<u8> + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let script = Arc::new(script);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let script = Arc::clone(&script);
                thread::spawn(move || serve(connection, &*script));
            }
        });
        Ok(Self { url })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn serve(mut connection: TcpStream, script: &dyn Fn(&str, &str) -> Vec<u8>) -> Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let answer = script(method, path);
    let mut field = String::new();
    while reader.read_line(&mut field)? > 2 {
        field.clear();
    }
    connection.write_all(&answer)?;
    Ok(connection.shutdown(Shutdown::Write)?)
}

/// Sends a request with these field lines on a connection of its own, and reads the response.
pub fn ask(base: &str, method: &str, path: &str, fields: &[&str]) -> Result<Message> {
    let authority = base.trim_start_matches("http://");
    let mut connection = TcpStream::connect(authority)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let more: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{more}\r\n");
    connection.write_all(head.as_bytes())?;
    let mut octets = Vec::new();
    connection.read_to_end(&mut octets).with_context(|| format!("{method} {path}"))?;
    Message::parse(&octets).with_context(|| format!("{method} {path}: {} octets", octets.len()))
}

impl Message {
    fn parse(octets: &[u8]) -> Result<Self> {
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n").context("no head")?;
        let (head, body) = octets.split_at(end + 4);
        let mut lines = head.strip_suffix(b"\r\n\r\n").unwrap_or(head).split(|&b| b == b'\n');
        let mut next = || lines.next().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let line = String::from_utf8_lossy(next().context("no status line")?).into_owned();
        let mut fields = Vec::new();
        while let Some(field) = next() {
            let colon = field.iter().position(|&b| b == b':').context("a field has no colon")?;
            let (name, value) = field.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            fields.push((String::from_utf8_lossy(name).into_owned(), value.to_vec()));
        }
        let mut message = Self { line, fields, body: body.to_vec(), trailers: Vec::new() };
        let length = message.values("content-length").concat();
        let framed = length.is_empty() || body.is_empty() || length == body.len().to_string();
        ensure!(framed, "a body of {} octets with Content-Length: {length}", body.len());
        if message.values("transfer-encoding").contains(&"chunked".to_owned()) {
            (message.body, message.trailers) = unchunked(body)?;
        }
        Ok(message)
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    /// The values of a field's lines in order.
    pub fn values(&self, name: &str) -> Vec<String> {
        let named = self.fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }
}

fn unchunked(mut rest: &[u8]) -> Result<(Vec<u8>, Vec<String>)> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").context("a chunk has no size")?;
        let (size, after) = rest.split_at(end);
        let size = usize::from_str_radix(std::str::from_utf8(size)?.trim(), 16)?;
        let after = after.get(2..).unwrap_or_default();
        if size == 0 {
            let trailers = String::from_utf8_lossy(after).into_owned();
            let trailers = trailers.lines().filter(|line| !line.is_empty());
            return Ok((body, trailers.map(str::to_owned).collect()));
        }
        ensure!(after.len() >= size + 2, "a chunk is too short");
        body.extend_from_slice(after.get(..size).unwrap_or_default());
        rest = after.get(size + 2..).unwrap_or_default();
    }
}
