//! The schema that editors use says what the parser does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use breadbox::config::{Rules, toml_to_json};
use regex_lite::Regex;
use serde_json::Value;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../docs/breadbox.schema.json")).unwrap()
}

/// Whether a value is valid, by the keywords that the schema uses and no others.
fn is_valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let keywords = schema.as_object().unwrap();
    keywords.iter().all(|(keyword, wanted)| match keyword.as_str() {
        "$ref" => {
            let place = wanted.as_str().unwrap().strip_prefix('#').unwrap();
            is_valid(root, root.pointer(place).unwrap(), value)
        }
        "oneOf" => {
            let valid = wanted.as_array().unwrap().iter();
            valid.filter(|one| is_valid(root, one, value)).count() == 1
        }
        "type" => match wanted.as_str().unwrap() {
            "array" => value.is_array(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64(),
            "object" => value.is_object(),
            "string" => value.is_string(),
            other => panic!("type {other}"),
        },
        "enum" => wanted.as_array().unwrap().contains(value),
        "pattern" => {
            let pattern = Regex::new(wanted.as_str().unwrap()).unwrap();
            value.as_str().is_none_or(|text| pattern.is_match(text))
        }
        "items" => {
            value.as_array().is_none_or(|list| list.iter().all(|v| is_valid(root, wanted, v)))
        }
        "minimum" => value.as_i64().is_none_or(|number| number >= wanted.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|number| number <= wanted.as_i64().unwrap()),
        "minItems" => value.as_array().is_none_or(|l| l.len() as u64 >= wanted.as_u64().unwrap()),
        "required" => value.as_object().is_none_or(|table| {
            wanted.as_array().unwrap().iter().all(|n| table.contains_key(n.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|table| {
            let known = |(name, v): (&String, &Value)| {
                wanted.get(name).is_none_or(|one| is_valid(root, one, v))
            };
            table.iter().all(known)
        }),
        "additionalProperties" => value
            .as_object()
            .is_none_or(|table| table.keys().all(|name| schema["properties"].get(name).is_some())),
        "$schema" | "title" | "description" | "definitions" => true,
        other => panic!("the check does not know {other}"),
    })
}

/// Both know the same settings of every table, and the same presets.
#[test]
fn the_schema_has_every_setting() {
    let schema = schema();
    for (table, settings) in Rules::vocabulary() {
        let told: BTreeSet<&str> = match table {
            "breadbox.toml" => keys(&schema["properties"]),
            "preset" => {
                let names = schema["definitions"]["presetName"]["enum"].as_array().unwrap();
                names.iter().filter_map(Value::as_str).collect()
            }
            table => keys(&schema["definitions"][table]["properties"]),
        };
        assert_eq!(told, settings.iter().map(String::as_str).collect(), "{table}");
    }
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Both refuse the same, setting by setting.
#[test]
fn the_schema_says_what_the_parser_does() {
    let schema = schema();
    let rule = |line: &str| format!("[[rule]]\nmatch = \"/*\"\n{line}\n");
    let site = |line: &str| {
        format!(
            "[[site]]\nhosts = [\"a.test\"]\norigin = \"http://a\"\nnamespace = \"a\"\n{line}\n"
        )
    };
    for (text, good) in [
        ("", true),
        ("bypass = \"everything\"", true),
        ("bypass = true", false),
        ("preset = \"static\"", true),
        ("preset = [\"static\", \"nextjs\"]", true),
        ("preset = \"statik\"", false),
        ("rules = []", false),
        ("[[rule]]\n", false),
        ("[[rule]]\nmatch = \"x\"\n", false),
        (&rule("ttl = \"5m\"\nstale = \"0\"\nrescue = \"250ms\"\nkeep = \"1d\""), true),
        (&rule("ttl = \"5\""), false),
        (&rule("negative = 5"), false),
        (&rule("fresh_max = \"-5s\""), false),
        (&rule("ttl = \"auto\"\nmin_ttl = \"10s\"\nmax_ttl = \"1h\"\nstaleness = \"5%\""), true),
        (&rule("ttl = \"auto\"\nstaleness = \"60%\""), false),
        (&rule("ttl = \"automatic\""), false),
        (&rule("compress = true"), true),
        (&rule("prefetch = 5"), true),
        (&rule("refresh = \"ahead\""), true),
        (&rule("refresh = true"), false),
        (&rule("refresh = \"early\""), false),
        (&rule("prefetch = 6"), false),
        (&rule("prefetch = true"), false),
        (&rule("compress = \"gzip\""), false),
        (&rule("swr = false"), true),
        (&rule("swr = \"no\""), false),
        (&rule("cache = \"bypass\""), true),
        (&rule("cache = \"never\""), false),
        (&rule("cache = \"force\"\nignore = [\"set-cookie\", \"vary\"]"), true),
        (&rule("cache = \"force\"\nignore = [\"cookies\"]"), false),
        (&rule("tags = [\"a:{1}\"]"), true),
        (&rule("tags = [\"a b\"]"), false),
        (&rule("tags = [\"a,b\"]"), false),
        (&rule("tags = \"a\""), false),
        (&rule("query = { ignore = [\"a\"], keep = [], bypass = [\"b*\"], sort = true }"), true),
        (&rule("query = { sort = 1 }"), false),
        (&rule("query = { drop = [] }"), false),
        (&rule("cookies = { ignore = [], keep = [], key = [], bypass = [] }"), true),
        (&rule("cookies = { key = \"a\" }"), false),
        (&rule("cookies = []"), false),
        (&rule("vary = [\"X-Country\"]\nstrip = [\"x-*\"]\nstrict = true"), true),
        (&rule("vary = [\"a b\"]"), false),
        (&rule("strip = \"x\""), false),
        (&rule("max_body = \"64KB\"\nmethods = [\"POST\"]"), true),
        (&rule("max_body = \"1GB\""), false),
        (&rule("methods = [\"GET\"]"), false),
        (&rule("client_directives = \"ignore\""), true),
        (&rule("client_directives = false"), false),
        (&rule("near = \"memory, platform\""), true),
        (&rule("near = \"redis\""), false),
        (&site("name = \"a.test\"\npreset = \"wordpress\"\n[[site.rule]]\nmatch = \"/\""), true),
        (&site("ttl = \"5m\""), false),
        (&site("[[site.rule]]\n"), false),
        ("[[site]]\nhosts = []\norigin = \"http://a\"\nnamespace = \"a\"", false),
        ("[[site]]\nhosts = [\"a\"]\norigin = \"ftp://a\"\nnamespace = \"a\"", false),
        ("[[site]]\nhosts = [\"a\"]\norigin = \"http://a\"\nnamespace = \"a:b\"", false),
        ("[[site]]\nhosts = [\"a\"]\norigin = \"http://a\"", false),
    ] {
        agree(&schema, text, good);
    }
}

fn agree(schema: &Value, text: &str, good: bool) {
    let value = toml_to_json(text).unwrap();
    assert_eq!(Rules::errors(&value).is_empty(), good, "the parser on:\n{text}");
    assert_eq!(is_valid(schema, schema, &value), good, "the schema on:\n{text}");
}

#[test]
fn the_schema_says_of_content_what_the_parser_does() {
    let schema = schema();
    for (lines, good) in [
        ("content = \"json\"\nmax_content = \"1MB\"", true),
        ("content = \"xml\"", false),
        ("max_content = \"2MB\"", false),
        ("max_content = \"1024KB\"", true),
        ("max_content = \"1025KB\"", false),
        ("graphql = true", true),
        ("graphql = \"yes\"", false),
        ("graphql = { persisted = \"queries\", changes = \"keep\", type_tags = \"t:\" }", true),
        ("graphql = { persisted = \"all\" }", false),
        ("graphql = { changes = \"drop\" }", false),
        ("graphql = { type_tags = \"a b\" }", false),
        ("graphql = { types = \"a\" }", false),
    ] {
        agree(&schema, &format!("[[rule]]\nmatch = \"/*\"\n{lines}\n"), good);
    }
}

/// The rules that come with the repository are found by it, and the files name it for editors.
#[test]
fn our_own_files_are_valid_and_name_it() {
    let (root, schema) = (Path::new(env!("CARGO_MANIFEST_DIR")), schema());
    for (file, place) in [
        ("breadbox.toml", "docs/breadbox.schema.json"),
        ("examples/builds/breadbox.toml", "../../docs/breadbox.schema.json"),
    ] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        assert!(text.starts_with(&format!("#:schema {place}\n")), "{file}");
        assert!(is_valid(&schema, &schema, &toml_to_json(&text).unwrap()), "{file}");
    }
    for file in fs::read_dir(root.join("src/config/presets")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(is_valid(&schema, &schema, &toml_to_json(&text).unwrap()), "{text}");
    }
}
