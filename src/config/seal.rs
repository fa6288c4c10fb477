//! Rules that stand for those of a site while it runs, under the deployment's seal.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::rules::Rules;
use super::{ConfigError, signature};
use crate::cache::json;

/// The secret that seals overrides, so that no one who can merely write to the store makes rules.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal(String);

/// An override as the store holds it: its version, what it was sealed with, and the JSON form of a
/// breadbox.toml, each in a line.
///
/// The seal is the HMAC-SHA256, under the secret, of a name for what this is, the namespace and the
/// version, each followed by a line feed, and the JSON. So no document is good for another site,
/// nor for another version than its own.
#[derive(Clone, Debug)]
pub struct Override {
    /// Whoever knows a version takes no lower one.
    pub version: u64,
    /// The rules; none if what was set is cleared.
    pub rules: Option<Rules>,
    /// The rules as they were written; `null` if cleared.
    pub written: Value,
}

/// Why a document is not heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It has not the form of one.
    Form,
    /// Its version is lower than one that was known, or another one of the same number.
    Old,
    /// The rules are none that this version takes.
    Rules,
    /// It was not sealed with this secret for this site.
    Seal,
}

impl Distrust {
    /// The word in logs and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Form => "unreadable",
            Self::Old => "older than what is known",
            Self::Rules => "rules that make no sense",
            Self::Seal => "not sealed with OVERRIDE_SECRET for this site",
        }
    }
}

impl Seal {
    pub(super) fn parse(text: String) -> Result<Self, ConfigError> {
        let strong = text.len() >= SECRET_MIN && text.chars().all(|c| c.is_ascii_graphic());
        let allowed = "printable ASCII without spaces, 32 characters or more";
        // It is a secret: the message never quotes it.
        let wrong = || ConfigError::new("OVERRIDE_SECRET", "another text", allowed);
        strong.then_some(Self(text)).ok_or_else(wrong)
    }

    /// Writes a document.
    pub fn seal(&self, namespace: &str, version: u64, written: &Value) -> String {
        let json = json::text(written);
        let mut hex = String::with_capacity(64);
        if let Some(mac) = self.mac(namespace, version, &json) {
            for byte in mac.finalize().into_bytes() {
                hex.push_str(&format!("{byte:02x}"));
            }
        }
        format!("{version:016}\n{hex}\n{json}")
    }

    /// Reads a document; its rules are checked as those of the file are.
    pub fn open(&self, namespace: &str, text: &str) -> Result<Override, Distrust> {
        let mut lines = text.splitn(3, '\n');
        let mut line = || lines.next().ok_or(Distrust::Form);
        let (version, hex, text) = (line()?, line()?, line()?);
        let version = version.parse::<u64>().map_err(|_| Distrust::Form)?;
        let sealed = signature::u256(hex).ok_or(Distrust::Form)?;
        let mac = self.mac(namespace, version, text).ok_or(Distrust::Seal)?;
        mac.verify_slice(&sealed).map_err(|_| Distrust::Seal)?;
        let written = json::value(text.as_bytes()).map_err(|_| Distrust::Form)?;
        let rules = match written.is_null() {
            true => None,
            false => Some(Rules::overriding(&written).map_err(|_| Distrust::Rules)?),
        };
        Ok(Override { version, rules, written })
    }

    fn mac(&self, namespace: &str, version: u64, json: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).ok()?;
        for line in [PURPOSE, namespace, &version.to_string()] {
            mac.update(line.as_bytes());
            mac.update(b"\n");
        }
        mac.update(json.as_bytes());
        Some(mac)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

/// Nothing else that is made with the secret begins so.
const PURPOSE: &str = "breadbox-override-1";

/// It is tried offline by whoever has a document.
const SECRET_MIN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn seal(secret: &str) -> Seal {
        Seal::parse(secret.repeat(32)).unwrap()
    }

    #[test]
    fn only_its_own_site_version_and_words_are_believed() {
        let written = json!({"bypass": "everything"});
        let text = seal("a").seal("shop", 7, &written);
        let opened = seal("a").open("shop", &text).unwrap();
        assert_eq!((opened.version, &opened.written), (7, &written));
        assert!(opened.rules.is_some());
        for (secret, namespace, text, expected) in [
            ("b", "shop", text.clone(), Distrust::Seal),
            ("a", "blog", text.clone(), Distrust::Seal),
            ("a", "shop", text.replacen('7', "8", 1), Distrust::Seal),
            ("a", "shop", text.replace("everything", "something"), Distrust::Seal),
            ("a", "shop", text.replacen('\n', "\n0", 1), Distrust::Form),
            ("a", "shop", String::new(), Distrust::Form),
            ("a", "shop", "x\ny\nz".into(), Distrust::Form),
            ("a", "shop", seal("a").seal("shop", 7, &json!({"rules": []})), Distrust::Rules),
            ("a", "shop", seal("a").seal("shop", 7, &json!({"site": []})), Distrust::Rules),
        ] {
            let found = seal(secret).open(namespace, &text).map(drop);
            assert_eq!(found, Err(expected), "{text}");
        }
        let cleared = seal("a").open("shop", &seal("a").seal("shop", 8, &Value::Null)).unwrap();
        assert!(cleared.rules.is_none());
    }

    #[test]
    fn the_secret_is_long_and_shown_nowhere() {
        let error = Seal::parse("short-secret".into()).unwrap_err();
        assert!(!error.to_string().contains("short-secret"), "{error}");
        assert_eq!(format!("{:?}", seal("a")), "Seal");
    }
}
