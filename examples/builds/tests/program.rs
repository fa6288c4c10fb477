//! The program as others start it: its ready line, its end, its settings.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_builds"))
}

/// A child that does not outlive its test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended already, which is what most tests want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signalled(signal: &str) -> (String, std::process::ExitStatus) {
    let child = program()
        .args(["--listen", "127.0.0.1:0", "--latency", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut child = Guard(child);
    let mut out = BufReader::new(child.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let kill = Command::new("kill").args([signal, &child.0.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let status = child.0.wait().unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "standard output has the ready line only");
    (line, status)
}

fn refused(arguments: &[&str]) -> Output {
    let output = program().args(arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    output
}

#[test]
fn it_says_when_it_is_ready_and_ends_when_told() {
    for signal in ["-TERM", "-INT"] {
        let (line, status) = signalled(signal);
        let address = line.trim_end().strip_prefix("ready origin=http://127.0.0.1:").unwrap();
        assert!(address.parse::<u16>().is_ok_and(|port| port > 0), "{line}");
        assert_eq!(status.code(), Some(0), "after {signal}");
    }
}

#[test]
fn a_wrong_setting_is_named() {
    for (arguments, name) in [
        (["--latency", "80..30"], "--latency"),
        (["--edge", "ftp://127.0.0.1"], "--edge"),
        (["--edge", "http://127.0.0.1/path"], "--edge"),
        (["--database", "/nowhere/at/all.sqlite"], "/nowhere/at/all.sqlite"),
        (["--listen", "localhost"], "--listen"),
    ] {
        let output = refused(&arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(name), "{arguments:?}: {text}");
    }
}

#[test]
fn help_names_every_setting() {
    let output = program().arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["--listen", "--edge", "--token", "--database", "--latency"] {
        assert!(text.contains(name), "{name}");
    }
}
