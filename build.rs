//! Builds the operator's rules and the presets into the Worker, in the JSON form that it reads.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=BREADBOX_TOML");
    let file = env::var("BREADBOX_TOML").unwrap_or_else(|_| "breadbox.toml".to_owned());
    let rules = json(Path::new(&file))?;
    let mut presets = serde_json::Map::new();
    println!("cargo::rerun-if-changed={PRESETS}");
    for entry in fs::read_dir(PRESETS)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        presets.insert(name, json(&path)?);
    }
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("breadbox.json"), rules.to_string())?;
    fs::write(Path::new(&out).join("presets.json"), serde_json::Value::from(presets).to_string())?;
    Ok(())
}

fn json(file: &Path) -> Result<serde_json::Value, Box<dyn Error>> {
    let name = file.display();
    println!("cargo::rerun-if-changed={name}");
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let value: toml::Value =
        toml::from_str(&text).map_err(|error| format!("{name} is not valid TOML: {error}"))?;
    Ok(serde_json::to_value(value)?)
}

const PRESETS: &str = "src/config/presets";
