//! The tokens of the operator's API.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ConfigError;
use super::signature::Signature;
use crate::cache::purge::Bounds;

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
    digest: [u8; 32],
}

/// What a token opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Admin,
    /// Looking, and purging what lies within the bounds.
    Purge(Bounds),
    /// Looking.
    Read,
}

impl Scope {
    /// What may be purged; none where purging is not opened at all.
    pub fn bounds(&self) -> Option<&Bounds> {
        match self {
            Self::Admin => Some(&Bounds::Everything),
            Self::Purge(bounds) => Some(bounds),
            Self::Read => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "admin" => Some(Self::Admin),
            "purge" => Some(Self::Purge(Bounds::Everything)),
            "read" => Some(Self::Read),
            _ => {
                let list = text.strip_prefix("purge[")?.strip_suffix(']')?;
                let (mut tags, mut hosts) = (Vec::new(), Vec::new());
                for item in list.split('|') {
                    match item.split_once(':')? {
                        (_, "") => return None,
                        ("host", host) => hosts.push(host.to_ascii_lowercase()),
                        ("tag", start) => tags.push(start.to_owned()),
                        _ => return None,
                    }
                }
                Some(Self::Purge(Bounds::Within { tags, hosts }))
            }
        }
    }
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

    /// The token that a secret belongs to. How long the search takes depends on what was sent
    /// alone: digests of one length are compared, all of them and in constant time.
    pub fn find(&self, secret: &str) -> Option<&Token> {
        let digest = digest(secret);
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.digest.ct_eq(&digest)) {
                found = Some(token);
            }
        }
        found
    }

    /// The token that signed a request: a [`Signature`] made with its secret.
    pub fn signer(
        &self,
        signature: &Signature<'_>,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Option<&Token> {
        let token = self.tokens.iter().find(|token| token.name == signature.name)?;
        signature.is_made_with(token.secret.as_bytes(), method, path, body).then_some(token)
    }

    /// Whether there is none, so that the write side is closed.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('=')?;
        let (scope, secret) = match rest.split_once("]:") {
            Some((scope, secret)) => (format!("{scope}]"), secret),
            None => rest.split_once(':').map(|(scope, secret)| (scope.to_owned(), secret))?,
        };
        let scope = Scope::parse(&scope)?;
        let strong = secret.len() >= SECRET_MIN && secret.chars().all(|c| c.is_ascii_graphic());
        let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let digest = digest(secret);
        (strong && named).then(|| Self { name: name.into(), scope, secret: secret.into(), digest })
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({}, {:?})", self.name, self.scope)
    }
}

const FORM: &str = "name=scope:secret with a scope of read, purge, \
                    purge[tag:<start>|host:<host>] or admin, and a secret of 16 characters or more";

/// Shorter secrets can be guessed.
const SECRET_MIN: usize = 16;
