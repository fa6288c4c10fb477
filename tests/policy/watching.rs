//! What an exchange tells of how often content changes, and the lifetime that comes of it.

use std::time::Duration;

use breadbox::cache::entry::{Entry, Kind};
use breadbox::cache::exchange::{Action, Exchange, Found, Outcome, Reach};
use breadbox::cache::family::Generation;
use breadbox::cache::key::Key;
use breadbox::cache::ledger::Stamp;
use breadbox::cache::policy::Standing;
use breadbox::cache::tuning::{Change, Check, History};
use breadbox::cache::{Lifetime, RequestHead};

use super::messages::{NOW, URL, plan, request, response, rule};

const SPAN: Duration = Duration::from_secs(60);

/// What is stored has been stale for a while.
fn stored(lines: &[&str], digest: Option<u32>) -> Entry {
    let day = Duration::from_secs(86_400);
    Entry {
        kind: Kind::Response,
        stamp: Stamp::default(),
        generation: Generation::NONE,
        generated: NOW.before(2 * SPAN),
        lifetime: Lifetime { fresh: SPAN, stale: SPAN, rescue: SPAN, keep: day },
        fetch: Duration::ZERO,
        key: Key::of_url(URL).as_str().to_owned(),
        tags: Vec::new(),
        selecting: Vec::new(),
        head: response(lines),
        body_len: 1,
        history: History { digest, ..History::default() },
    }
}

/// What a request tells, and what is stored afterwards. The body that comes has the digest 1.
fn asked(
    words: &str,
    before: Option<(Entry, Standing)>,
    answer: &[&str],
) -> (Option<Check>, Option<Entry>) {
    played(request(&[]), words, before, answer)
}

fn played(
    request: RequestHead,
    words: &str,
    before: Option<(Entry, Standing)>,
    answer: &[&str],
) -> (Option<Check>, Option<Entry>) {
    let found = || {
        let before = before.clone();
        before.map(|(entry, standing)| Found { entry, body: 7, standing })
    };
    let plan = plan(rule(words));
    let (mut exchange, mut action) = Exchange::begin(request, NOW, 1, plan);
    let mut kept = None;
    while !matches!(action, Action::Stop) {
        let outcome = match action {
            Action::Acquire { .. } => match super::courses::granted(Reach::Everywhere) {
                Outcome::Granted { lease, .. } => Outcome::Granted { lease, found: found() },
                other => other,
            },
            Action::Lookup { .. } => found().map_or(Outcome::Absent, Outcome::Found),
            Action::Fetch(_) => Outcome::Answered { response: response(answer), length: None },
            Action::Collect { .. } => Outcome::Collected { body: 8, length: 1 },
            Action::Digest { .. } => Outcome::Digested(1),
            Action::Store { entry, .. } => {
                kept = Some(*entry).filter(|entry| entry.kind == Kind::Response);
                Outcome::Stored
            }
            Action::Reply(_) | Action::Release { .. } => Outcome::Done,
            other => panic!("{other:?}"),
        };
        (exchange, action) = exchange.resume(outcome, NOW);
    }
    (exchange.checked().copied(), kept)
}

const FRESH: &str = "cache-control: max-age=60";

#[test]
fn validators_and_digests_tell_whether_content_has_changed() {
    type Row =
        (&'static [&'static str], Option<u32>, Standing, &'static [&'static str], Option<Change>);
    let (clean, dead, soft) = (Standing::Clean, Standing::Dead, Standing::Soft);
    let table: &[Row] = &[
        (&["etag: \"a\""], None, clean, &["304", FRESH], Some(Change::None)),
        (&["etag: \"a\""], None, clean, &[FRESH, "etag: \"a\""], Some(Change::None)),
        (&["etag: \"a\""], None, clean, &[FRESH, "etag: W/\"a\""], Some(Change::None)),
        (&["etag: \"a\""], None, clean, &[FRESH, "etag: \"b\""], Some(Change::Silent)),
        (&["etag: \"a\""], None, dead, &[FRESH, "etag: \"b\""], Some(Change::Announced)),
        (&["etag: \"a\""], None, soft, &[FRESH, "etag: \"b\""], Some(Change::Announced)),
        (&["etag: \"a\""], None, dead, &[FRESH, "etag: \"a\""], Some(Change::None)),
        (&["etag: \"a\""], None, clean, &[FRESH, "last-modified: {-9}"], None),
        (
            &["last-modified: {-9}"],
            None,
            clean,
            &[FRESH, "last-modified: {-9}"],
            Some(Change::None),
        ),
        (
            &["last-modified: {-9}"],
            None,
            clean,
            &[FRESH, "last-modified: {-8}"],
            Some(Change::Silent),
        ),
        (&[], Some(1), clean, &[FRESH], Some(Change::None)),
        (&[], Some(2), clean, &[FRESH], Some(Change::Silent)),
        (&[], Some(2), dead, &[FRESH], Some(Change::Announced)),
        (&[], None, clean, &[FRESH], None),
        (&["etag: \"a\""], None, clean, &["503"], None),
    ];
    for (before, digest, standing, answer, expected) in table {
        let (check, _) = asked("", Some((stored(before, *digest), *standing)), answer);
        assert_eq!(
            check.map(|check| check.change),
            *expected,
            "{before:?} {standing:?} {answer:?}"
        );
        if let Some(check) = check {
            assert_eq!((check.after, check.granted), (2 * SPAN, SPAN), "{answer:?}");
        }
    }
    assert_eq!(asked("", None, &[FRESH]).0, None, "there is nothing to compare with");
}

/// Digests are only taken where nothing else tells, and histories kept where they are wanted.
#[test]
fn an_entry_keeps_what_the_next_comparison_needs() {
    let (_, bare) = asked("", None, &[FRESH]);
    assert_eq!(bare.expect("stored").history, History { digest: Some(1), ..History::default() });
    let (_, tagged) = asked("", None, &[FRESH, "etag: \"a\""]);
    assert_eq!(tagged.expect("stored").history, History::default());
    let before = Some((stored(&["etag: \"a\""], None), Standing::Clean));
    let (_, tuned) = asked("auto", before, &["304", FRESH]);
    assert!(tuned.expect("stored").history.seconds > 100.0, "120 s without a change");
}

/// What HEAD confirms keeps what was learnt, and with it its lifetime.
#[test]
fn a_confirmation_by_head_forgets_nothing() {
    let mut before = stored(&["etag: \"a\""], None);
    before.history.seconds = 5000.0;
    let learnt = before.history;
    let found = Some((before, Standing::Clean));
    let (check, kept) = played(request(&["HEAD"]), "auto", found, &["200", "etag: \"a\""]);
    let kept = kept.expect("it is stored");
    assert_eq!((check, kept.history), (None, learnt), "RFC 9111 §4.3.5");
    assert!(kept.lifetime.fresh > Duration::from_secs(600), "{:?}", kept.lifetime);
}

/// The rule's bounds decide and not the origin's lifetime; its prohibitions stand.
#[test]
fn lifetimes_follow_changes_within_the_bounds() {
    let fresh = |before: Option<(Entry, Standing)>, answer: &[&str]| {
        asked("auto", before, answer).1.map(|entry| entry.lifetime.fresh)
    };
    let secs = Duration::from_secs;
    assert_eq!(fresh(None, &["cache-control: max-age=9999"]), Some(secs(10)), "it begins so");
    let clean = |lines: &[&str], digest| Some((stored(lines, digest), Standing::Clean));
    let same = fresh(clean(&["etag: \"a\""], None), &["304"]).expect("it is stored");
    assert!(same > secs(30), "120 s without a change: {same:?}");
    let other = fresh(clean(&["etag: \"a\""], None), &["etag: \"b\""]).expect("it is stored");
    assert!(other < same, "{other:?}");
    let body = fresh(clean(&[], Some(2)), &["200"]).expect("it is stored");
    assert_eq!(body, other, "a digest tells it for the lifetime that begins");
    assert_eq!(fresh(None, &["cache-control: no-store"]), None, "RFC 9111 §5.2.2.5");
    assert_eq!(fresh(None, &["cache-control: private, max-age=60"]), None, "RFC 9111 §5.2.2.7");
    let no_cache = ["cache-control: no-cache", "etag: \"a\""];
    assert_eq!(fresh(None, &no_cache), Some(Duration::ZERO), "RFC 9111 §5.2.2.4");
}
