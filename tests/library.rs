//! The quick starts of `docs/library.md` compile as they stand there, each in a crate of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_quick_start_of_a_service_compiles() {
    let blocks = Blocks::read();
    compiles("quick-start", "src/main.rs", &blocks.toml[0], &blocks.rust[0], &[]);
}

#[test]
fn the_quick_start_of_a_worker_compiles() {
    let blocks = Blocks::read();
    let wasm = ["--target", "wasm32-unknown-unknown"];
    compiles("quick-worker", "src/lib.rs", &blocks.toml[1], &blocks.rust[1], &wasm);
}

/// The blocks of code in the page, in order.
#[derive(Default)]
struct Blocks {
    toml: Vec<String>,
    rust: Vec<String>,
}

impl Blocks {
    fn read() -> Self {
        let page = fs::read_to_string(root().join("docs/library.md")).expect("the page is there");
        let mut blocks = Self::default();
        for block in page.split("```").skip(1).step_by(2) {
            match block.split_once('\n') {
                Some(("toml", text)) => blocks.toml.push(text.to_owned()),
                Some(("rust", text)) => blocks.rust.push(text.to_owned()),
                _ => {}
            }
        }
        assert_eq!((blocks.toml.len(), blocks.rust.len()), (2, 2), "two quick starts");
        blocks
    }
}

fn compiles(name: &str, file: &str, manifest: &str, source: &str, more: &[&str]) {
    let home = root().join("target/library").join(name);
    let path = root().display().to_string();
    assert!(manifest.contains("\"../breadbox\""), "{manifest}");
    // A crate inside of our folder has to say that it is no member of the workspace.
    let manifest = manifest.replace("../breadbox", &path) + "\n[workspace]\n";
    write(&home.join("Cargo.toml"), &manifest);
    write(&home.join(file), source);
    fs::copy(root().join("Cargo.lock"), home.join("Cargo.lock")).expect("the lock is copied");
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet"])
        .args(more)
        .current_dir(&home)
        .env("CARGO_TARGET_DIR", root().join("target/library/target"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
    fs::write(path, text).expect("the file is written");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
