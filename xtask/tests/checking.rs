//! `cargo xtask check-config`: what it says of files, and how it ends.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use xtask::checking::complaints;

/// Each complaint stands at the line of its setting.
#[test]
fn complaints_have_a_place() {
    for (text, expected) in [
        ("[[rule]]\nmatch = \"/a\"\n\n[[rule]]\nmatch = \"/b\"\nttl = \"5x\"\n", "6:1 rule 2: ttl"),
        ("[[rule]]\nmatch = \"/a\"\n  tll = \"5m\"\n", "3:3 rule 1"),
        ("# one\n[[rule]]\nttl = \"5m\"\n", "2:1 rule 1: match"),
        ("[[rule]]\nmatch = \"/a\"\nquery = { sort = 1 }\n", "3:11 rule 1: query: sort"),
        ("[[rule]]\nmatch = \"/\"\n[rule.cookies]\nonly = []\n", "4:1 rule 1: cookies"),
        ("preset = \"x\"\n", "1:1 preset"),
        ("rules = []\n", "1:1 breadbox.toml"),
        (
            "[[site]]\nhosts = [\"a\"]\norigin = \"http://a\"\nnamespace = \"a\"\n\n\
             [[site.rule]]\nmatch = \"/\"\nmethods = [\"PUT\"]\n",
            "8:1 site 1: rule 1: methods",
        ),
        ("a = 1\nb =\n", "2:4 breadbox.toml"),
        ("[[rule]]\nmatch = \"/\"\n", ""),
    ] {
        let told: Vec<String> = complaints(text)
            .iter()
            .map(|told| format!("{}:{} {}", told.line, told.column, told.error.setting))
            .collect();
        assert_eq!(told.join(", "), expected, "{text}");
    }
}

#[test]
fn the_program_says_it_and_ends_so() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::temp_dir().join(format!("breadbox-check-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let (good, bad) = (directory.join("good.toml"), directory.join("bad.toml"));
    fs::write(&good, "preset = \"static\"\n")?;
    fs::write(&bad, "[[rule]]\nmatch = \"/a\"\nttl = \"5x\"\n[[rule]]\nmatch = \"b\"\n")?;
    let (good, bad) = (good.display().to_string(), bad.display().to_string());

    let fine = check(&[&good]);
    assert_eq!((code(&fine), text(&fine)), (0, format!("{good}: can be used; 3 rules\n")));
    let wrong = check(&[&good, &bad]);
    let told = text(&wrong);
    assert_eq!(code(&wrong), 1, "{wrong:?}");
    let allowed = "allowed: a duration such as 250ms, 30s, 5m, 1h or 7d";
    assert!(told.contains(&format!("{bad}:3:1: rule 1: ttl: found 5x; {allowed}\n")), "{told}");
    assert!(told.contains(&format!("{bad}:5:1: rule 2: match: found b;")), "{told}");
    let json: Value = serde_json::from_str(&text(&check(&["--json", &bad])))?;
    let error = &json[0]["errors"][0];
    assert_eq!((&json[0]["valid"], &error["line"]), (&Value::from(false), &Value::from(3)));
    assert_eq!((&error["setting"], &error["found"]), (&"rule 1: ttl".into(), &"5x".into()));
    assert_eq!(code(&check(&["--no-such-flag"])), 2);
    assert_eq!(code(&check(&["/nowhere/breadbox.toml"])), 3);
    let help = check(&["--help"]);
    assert!(code(&help) == 0 && text(&help).contains("--json"), "{help:?}");
    fs::remove_dir_all(&directory)?;
    Ok(())
}

fn check(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("check-config").args(words).output().expect("the program runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
