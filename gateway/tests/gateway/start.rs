//! The program itself: its line, its help, its refusals, its end.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use xtask::process::{Process, Program};

use crate::http::{Events, open, send};
use crate::place::{READER, TOKEN, command, logs, port, redis, redis_with, wait_until};

#[test]
fn requests_in_flight_are_answered_before_the_end() {
    let server = redis();
    let (mut process, address) = gateway(&server.url());
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str())];
    assert_eq!(send(address, "POST /set/k/v", &headers, b"").status, 200);
    let mut events = Events::new(open(address, "POST /subscribe/c", &headers, None));
    assert_eq!(events.next().as_deref(), Some("subscribe,c,1"));
    server.daemon.freeze();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| send(address, "GET /get/k", &headers, b""));
        wait_until("the request is under way", || {
            let metrics = send(address, "GET /metrics", &headers, b"").text();
            metrics.contains("breadbox_gateway_requests_in_flight 2")
        });
        process.signal(Signal::TERM);
        assert_eq!(events.next(), None, "subscriptions end");
        server.daemon.thaw();
        let answer = waiting.join().expect("a thread");
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"result":"v"}"#));
    });
    wait_until("the process ends by itself", || !process.is_running());
    process.finish().expect("exit status 0");
}

#[test]
fn the_gateway_starts_before_its_redis() {
    let mut server = redis();
    server.daemon.kill();
    let (_process, address) = gateway(&server.url());
    assert_eq!(send(address, "GET /health", &[], b"").status, 503);
    server.daemon.start_again().expect("Redis starts");
    wait_until("the gateway is healthy", || send(address, "GET /health", &[], b"").status == 200);
    let query = format!("GET /get/k?_token={READER}");
    assert_eq!(send(address, &query, &[], b"").text(), r#"{"result":null}"#);
    assert_eq!(command(&server, &["PING"]), "PONG");
}

#[test]
fn rediss_is_encrypted_and_checked() {
    let files = logs();
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, private) = (files.join("certificate.pem"), files.join("key.pem"));
    std::fs::write(&certificate, key.cert.pem()).expect("the certificate is written");
    std::fs::write(&private, key.signing_key.serialize_pem()).expect("the key is written");
    let port = port().to_string();
    let [certificate, private] = [&certificate, &private].map(|file| file.to_string_lossy());
    let settings = ["--tls-port", &port, "--tls-cert-file", &certificate];
    let settings = [settings, ["--tls-key-file", &private, "--tls-auth-clients", "no"]].concat();
    let _server = redis_with(&settings);
    let url = format!("rediss://localhost:{port}");
    let (_process, address) = gateway_with(&url, &[("SSL_CERT_FILE", &certificate)]);
    assert_eq!(send(address, "GET /health", &[], b"").status, 200);
    let (_process, address) = gateway(&url);
    assert_eq!(send(address, "GET /health", &[], b"").status, 503, "nobody vouches for it");
}

#[test]
#[cfg(target_os = "linux")]
fn memory_stays_flat_under_large_bodies() {
    let server = redis();
    let (process, address) = gateway(&server.url());
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str()), ("Upstash-Encoding", "base64")];
    let body = vec![b'm'; 10 << 20];
    for _ in 0..8 {
        thread::scope(|scope| {
            for n in 0..8 {
                let (headers, body) = (&headers, &body);
                scope.spawn(move || {
                    let stored = send(address, &format!("POST /set/m{n}"), headers, body);
                    assert_eq!(stored.status, 200);
                    let read = send(address, &format!("GET /get/m{n}"), headers, b"");
                    assert!(read.body.len() > body.len() / 3 * 4);
                });
            }
        });
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.expect("Linux says how much memory a process has used at most");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    let kilobytes: u64 = line.trim_matches([' ', '\t', 'k', 'B']).parse().expect("a number");
    // 64 bodies of 10 MB came in and 64 of 13 MB went out, 8 at a time.
    assert!(kilobytes < 700_000, "{kilobytes} kB at most");
}

#[test]
fn bad_settings_stop_the_start() {
    let cases: [(&[&str], &str); 5] = [
        (&[], "REDIS_REST_TOKEN (--token) is not set"),
        (&["--token", "tooshort", "--redis-url", "ftp://x"], "REDIS_URL (--redis-url)"),
        (&["--token", "tooshort", "--listen", "x"], "LISTEN (--listen) is \"x\""),
        (&["--token", "tooshort", "--listen", "192.0.2.1:1"], "LISTEN (--listen) is 192.0.2.1:1:"),
        (&["--token", "tooshort", "--response-timeout", "x"], "--response-timeout"),
    ];
    for (flags, expected) in cases {
        let output = run(flags);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{flags:?} started");
        assert!(said.contains(expected), "{flags:?}: {said}");
        assert!(!said.contains("tooshort"), "a token is in: {said}");
    }
}

#[test]
fn help_names_every_setting_and_no_secret() {
    let output = Command::new(BINARY)
        .arg("--help")
        .env("REDIS_REST_TOKEN", TOKEN)
        .env("REDIS_URL", "redis://:hidden@x")
        .output()
        .expect("the program runs");
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    for expected in ["REDIS_URL", "REDIS_REST_TOKEN", "REDIS_REST_READONLY_TOKEN", "LISTEN"] {
        assert!(help.contains(expected), "{expected} is not in: {help}");
    }
    assert!(!help.contains(TOKEN) && !help.contains("hidden"), "{help}");
}

fn run(flags: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    for name in ["REDIS_URL", "REDIS_REST_TOKEN", "REDIS_REST_READONLY_TOKEN", "LISTEN"] {
        command.env_remove(name);
    }
    command.args(flags).output().expect("the program runs")
}

fn gateway(redis_url: &str) -> (Process, SocketAddr) {
    gateway_with(redis_url, &[])
}

fn gateway_with(redis_url: &str, variables: &[(&str, &str)]) -> (Process, SocketAddr) {
    let mut program = Program::new("gateway", Path::new(BINARY))
        .env("REDIS_URL", redis_url)
        .env("REDIS_REST_TOKEN", TOKEN)
        .env("REDIS_REST_READONLY_TOKEN", READER)
        .env("LISTEN", "127.0.0.1:0");
    for (name, value) in variables {
        program = program.env(*name, *value);
    }
    let mut process = program.spawn(&logs()).expect("the gateway starts");
    let ready = |line: &str| line.strip_prefix("ready redis-rest=http://")?.parse().ok();
    let address = process.wait_for(PATIENCE, ready).expect("its line");
    (process, address)
}

const BINARY: &str = env!("CARGO_BIN_EXE_breadbox-gateway");
const PATIENCE: Duration = Duration::from_secs(20);
