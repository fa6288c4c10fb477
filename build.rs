//! Builds the operator's rules into the Worker, in the JSON form that it reads.

use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-env-changed=BREADBOX_TOML");
    let file = env::var("BREADBOX_TOML").unwrap_or_else(|_| "breadbox.toml".to_owned());
    println!("cargo::rerun-if-changed={file}");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => return Err(format!("{file}: {error}").into()),
    };
    let rules: toml::Value =
        toml::from_str(&text).map_err(|error| format!("{file} is not valid TOML: {error}"))?;
    let json = serde_json::to_string(&rules)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("breadbox.json"), json)?;
    Ok(())
}
