//! Why something became of a request: the closed vocabulary beside [`Verdict`](super::Verdict).

use std::fmt;

/// Declares the vocabulary once: variant, word, meaning.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// Why the cache did what it did: the `detail` of `Cache-Status` (RFC 9211 §2.8), the word
        /// in logs and the label of metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, in alphabetical order: the order of the metrics' cells.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word used on the wire, in logs and as a label: kebab-case.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// What it means, in a sentence for people.
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii_start(),)+
                }
            }
        }
    };
}

reasons! {
    /// Nothing is stored under the key.
    Absent = "absent",
    /// The request carries credentials and the response does not allow sharing (RFC 9111 §3.5).
    Authorization = "authorization",
    /// The origin failed a moment ago and is left alone for a while.
    Backoff = "backoff",
    /// The request has a body where the method gives it no meaning (RFC 9110 §9.3.1).
    Body = "body",
    /// The client does not take the coding of what is stored (RFC 9110 §12.5.3).
    Coding = "coding",
    /// The entry in the store is not one of ours, or is damaged.
    Corrupt = "corrupt",
    /// A purge came while the response was on its way, so it was not stored.
    Fenced = "fenced",
    /// The entry in the store belongs to another key with the same identifier.
    Foreign = "foreign",
    /// The request's `max-age` is smaller than the response's age (RFC 9111 §5.2.1.1).
    MaxAge = "max-age",
    /// The client accepts a stale response (RFC 9111 §5.2.1.2).
    MaxStale = "max-stale",
    /// The request's method is not one whose responses we store (RFC 9111 §3).
    Method = "method",
    /// The request asks for more remaining freshness than there is (RFC 9111 §5.2.1.3).
    MinFresh = "min-fresh",
    /// The response must be validated before each use (RFC 9111 §5.2.2.4).
    NoCache = "no-cache",
    /// The response has neither an explicit nor a heuristic lifetime (RFC 9111 §3).
    NoLifetime = "no-lifetime",
    /// The response forbids storing (RFC 9111 §5.2.2.5).
    NoStore = "no-store",
    /// The client wants no fetch and nothing usable is stored (RFC 9111 §5.2.1.7).
    OnlyIfCached = "only-if-cached",
    /// The origin answered with an error.
    OriginError = "origin-error",
    /// The origin could not be reached.
    OriginUnreachable = "origin-unreachable",
    /// The response is one part of a representation (RFC 9110 §15.3.7).
    Partial = "partial",
    /// This key was found not to be storable a moment ago.
    PassMarker = "pass-marker",
    /// The wait for another request's fetch took too long.
    Patience = "patience",
    /// The request's condition is for the origin alone (RFC 9110 §13.1.1).
    Precondition = "precondition",
    /// The response is for a single user (RFC 9111 §5.2.2.7).
    Private = "private",
    /// The stored response was purged.
    Purged = "purged",
    /// The request insists on validation (RFC 9111 §5.2.1.4).
    RequestNoCache = "request-no-cache",
    /// The request forbids storing (RFC 9111 §5.2.1.5).
    RequestNoStore = "request-no-store",
    /// The operator's rule keeps the request from the cache.
    Rule = "rule",
    /// The response tells other URLs apart than the last one of its path did.
    Search = "search",
    /// The response sets a cookie.
    SetCookie = "set-cookie",
    /// The stored response was purged softly: it counts as stale.
    SoftPurged = "soft-purged",
    /// The stored response is older than its lifetime (RFC 9111 §4.2).
    Stale = "stale",
    /// The status code allows no storing (RFC 9111 §3).
    Status = "status",
    /// The shared store failed or did not answer in time.
    StoreUnavailable = "store-unavailable",
    /// The response names more tags than we keep.
    Tags = "tags",
    /// The body is larger than the rule's limit.
    TooLarge = "too-large",
    /// The body ended before its declared length (RFC 9112 §8).
    Truncated = "truncated",
    /// The fetch went on without a lease.
    Unleased = "unleased",
    /// The client asks for another protocol (RFC 9110 §7.8).
    Upgrade = "upgrade",
    /// The confirmation belongs to another representation (RFC 9111 §4.3.4).
    Validator = "validator",
    /// The stored response was selected by other request fields (RFC 9111 §4.1).
    Variant = "variant",
    /// The response varies by something that no cache can see (RFC 9111 §4.1).
    VaryAny = "vary-any",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
