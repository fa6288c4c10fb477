//! What a client asks not to see less of.

use http::{HeaderName, header};

use crate::cache::RequestHead;
use crate::cache::field::lines;
use crate::cache::ledger::Receipt;

/// The receipts that a request carries, in their field or in the cookie of the same name: browsers
/// can send a cookie with a navigation, and no other field. What is malformed asks for nothing.
pub fn receipt(request: &RequestHead) -> Receipt {
    let mut texts = lines(&request.headers, RECEIPT);
    for line in lines(&request.headers, header::COOKIE) {
        let pairs = line.split(';').filter_map(|pair| pair.trim().split_once('='));
        let named = pairs.filter(|(name, _)| *name == RECEIPT.as_str());
        texts.extend(named.map(|(_, value)| value.to_owned().into()));
    }
    match texts.is_empty() {
        true => Receipt::default(),
        false => Receipt::parse(&texts.join(",")).unwrap_or_default(),
    }
}

/// The field that tells of a purge, and by which a request asks to see no less.
pub const RECEIPT: HeaderName = HeaderName::from_static("breadbox-receipt");
