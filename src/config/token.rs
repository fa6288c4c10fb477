//! The tokens of the operator's API.

use subtle::{Choice, ConstantTimeEq};

use super::ConfigError;

/// Who may use the operator's API; nobody if empty.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    tokens: Vec<Token>,
}

/// One token.
#[derive(Clone)]
pub struct Token {
    /// Its name, for the log.
    pub name: String,
    /// What it opens.
    pub scope: Scope,
    secret: String,
}

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Looking.
    Read,
    /// Looking and purging.
    Purge,
    /// Everything.
    Admin,
}

impl Tokens {
    /// Reads `name=scope:secret, …`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let tokens = parts.enumerate().map(|(index, part)| {
            // The value is a secret: the message names its place and never quotes it.
            let setting = format!("BREADBOX_TOKENS: token {}", index.saturating_add(1));
            Token::parse(part).ok_or_else(|| ConfigError::new(setting, "another form", FORM))
        });
        Ok(Self { tokens: tokens.collect::<Result<_, _>>()? })
    }

    /// The token that a secret belongs to, found in a time that tells nothing about any secret.
    pub fn find(&self, secret: &str) -> Option<&Token> {
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.matches(secret)) {
                found = Some(token);
            }
        }
        found
    }

    /// Whether there is none, so that the write side is closed.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('=')?;
        let (scope, secret) = rest.split_once(':')?;
        let scope = match scope {
            "read" => Scope::Read,
            "purge" => Scope::Purge,
            "admin" => Scope::Admin,
            _ => return None,
        };
        let strong = secret.len() >= SECRET_MIN && secret.chars().all(|c| c.is_ascii_graphic());
        let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        (strong && named).then(|| Self { name: name.into(), scope, secret: secret.into() })
    }

    fn matches(&self, secret: &str) -> Choice {
        self.secret.as_bytes().ct_eq(secret.as_bytes())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({}, {:?})", self.name, self.scope)
    }
}

const FORM: &str =
    "name=scope:secret with a scope of read, purge or admin and a secret of 16 characters or more";

/// Shorter secrets can be guessed.
const SECRET_MIN: usize = 16;
