//! Signed requests, for webhooks whose senders shall not hold a secret that opens by itself.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cache::Time;

/// A signature as its field holds it: `<token's name>;t=<seconds since 1970>;v1=<hex>`.
///
/// It is the HMAC-SHA256, under the token's secret, of method, path with query, the time as it
/// stands in the field, and body, each but the last followed by a line feed.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    /// The name of the token whose secret made it.
    pub name: &'a str,
    seconds: &'a str,
    mac: [u8; 32],
}

impl<'a> Signature<'a> {
    /// Reads a field.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next()?;
        let seconds = parts.next()?.strip_prefix("t=")?;
        let hex = parts.next()?.strip_prefix("v1=")?;
        let plain = seconds.bytes().all(|b| b.is_ascii_digit()) && parts.next().is_none();
        let mac = u256(hex).filter(|_| plain)?;
        Some(Self { name, seconds, mac })
    }

    /// Whether it was made within the window around `now`. Within it a request may be repeated by
    /// who has seen it; that purges the same once more and nothing else.
    pub fn is_current(&self, now: Time) -> bool {
        let at = self.seconds.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1000));
        at.is_some_and(|at| now.0.abs_diff(at) <= WINDOW.as_millis() as u64)
    }

    /// Whether this secret made it for this request; compared in constant time.
    pub(super) fn is_made_with(
        &self,
        secret: &[u8],
        method: &str,
        path: &str,
        body: &[u8],
    ) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
        for line in [method, path, self.seconds] {
            mac.update(line.as_bytes());
            mac.update(b"\n");
        }
        mac.update(body);
        mac.verify_slice(&self.mac).is_ok()
    }
}

/// 64 hex digits.
pub(super) fn u256(hex: &str) -> Option<[u8; 32]> {
    let (high, low) = hex.split_at_checked(32).filter(|_| hex.len() == 64)?;
    let mut bytes = [0; 32];
    for (half, place) in [high, low].into_iter().zip(bytes.chunks_exact_mut(16)) {
        let half = half.bytes().all(|b| b.is_ascii_hexdigit()).then_some(half)?;
        place.copy_from_slice(&u128::from_str_radix(half, 16).ok()?.to_be_bytes());
    }
    Some(bytes)
}

/// How far the sender's clock and the way may put the time off.
const WINDOW: Duration = Duration::from_secs(300);
