//! In which order tiers are asked, and what each of them may say.

use std::time::Duration;

use breadbox::cache::Tier;
use breadbox::cache::entry::Kind;
use breadbox::cache::exchange::{Action, Exchange, Fault, Found, Outcome, Reach, SearchNews};
use breadbox::cache::policy::Treatment;
use http::Method;

use super::courses::{answered, granted, stored_before, word};
use super::messages::{NOW, plan, request, response};

/// What is asked until the reply, where these tiers exist.
fn asked(tiers: &[Tier], mut answer: impl FnMut(Tier) -> Outcome<u8>) -> Vec<String> {
    let mut plan = plan(Treatment::default());
    plan.tiers = tiers.to_vec();
    let (mut exchange, mut action) = Exchange::begin(request(&[]), NOW, 1, plan);
    let mut told = Vec::new();
    while !matches!(action, Action::Stop | Action::Reply(_)) {
        told.push(match &action {
            Action::Lookup { tier, .. } => format!("look {tier:?}"),
            action => word(action),
        });
        let outcome = match &action {
            Action::Acquire { reach, .. } => granted(*reach),
            Action::Fetch(_) => answered(&["200"]),
            Action::Lookup { tier, .. } => answer(*tier),
            _ => Outcome::Done,
        };
        (exchange, action) = exchange.resume(outcome, NOW);
    }
    told
}

fn aged(seconds: u64, kind: Kind) -> Outcome<u8> {
    match stored_before(seconds) {
        Outcome::Found(mut found) => {
            found.entry.kind = kind;
            Outcome::Found(found)
        }
        other => other,
    }
}

/// The tier behind may know more than a near one, whatever that has; only a fresh response answers.
/// What is damaged says nothing against its tier, but a tier that fails can give no lease.
#[test]
fn the_tier_behind_is_asked_where_a_near_one_does_not_answer() {
    use Tier::{Memory, Platform, Shared};
    let timeout = Outcome::Failed(Fault::Timeout);
    let corrupt = Outcome::Failed(Fault::Corrupt);
    let stale = || aged(60, Kind::Response);
    let everywhere = "acquire Everywhere";
    for (tiers, first, then) in [
        (&[Memory, Shared][..], stale(), &["look Memory", "look Shared", everywhere][..]),
        (&[Platform, Shared], stale(), &["look Platform", "look Shared", everywhere]),
        (&[Memory, Platform], stale(), &["look Memory", "look Platform", "acquire Isolate"]),
        (&[Memory, Shared], aged(0, Kind::Response), &["look Memory"]),
        (&[Shared, Platform], stale(), &["look Shared", everywhere]),
        (&[Shared, Platform], Outcome::Absent, &["look Shared", everywhere]),
        (&[Shared, Platform], corrupt, &["look Shared", "look Platform", everywhere]),
        (&[Shared, Platform], timeout, &["look Shared", "look Platform", "acquire Isolate"]),
    ] {
        let mut told = asked(tiers, |tier| match tier == tiers[0] {
            true => first.clone(),
            false => Outcome::Absent,
        });
        told.retain(|word| word != "fetch GET");
        assert_eq!(told, then, "RFC 9111 §4: {tiers:?} {first:?}");
    }
}

/// A mark keeps requests away for as long as it says, and not in the moment in which that ends.
#[test]
fn a_mark_ends_with_its_span() {
    let mark = |millis| {
        let Outcome::Found(mut found) = aged(0, Kind::Pass) else { return Outcome::Absent };
        found.entry.lifetime.fresh = Duration::from_secs(30);
        found.entry.generated = NOW.before(Duration::from_millis(millis));
        Outcome::Found(found)
    };
    for (age, passes) in [(29_999, true), (30_000, false)] {
        let told = asked(&[Tier::Shared], |_| mark(age));
        assert_eq!(!told.contains(&"acquire Everywhere".to_owned()), passes, "{age} ms: {told:?}");
    }
}

/// A hint that all of a path's queries are one answer ends when a page says otherwise; what is
/// stored may be older than the hint, an error is not about the page, and a change is none.
#[test]
fn only_a_page_tells_that_its_queries_differ() {
    let rule = "no-vary-search: key-order";
    for (method, lines, news) in [
        (Method::GET, &["200", rule][..], "rule"),
        (Method::HEAD, &["200", rule], "rule"),
        (Method::GET, &["404", rule], "rule"),
        (Method::GET, &["200"], "over"),
        (Method::HEAD, &["200"], "over"),
        (Method::GET, &["404"], "none"),
        (Method::GET, &["204"], "none"),
        (Method::POST, &["200", rule], "none"),
        (Method::POST, &["200"], "none"),
    ] {
        assert_eq!(told(&SearchNews::of_answer(&method, &response(lines))), news, "{lines:?}");
    }
    for (lines, news) in [(&["200", rule][..], "rule"), (&["200"], "none")] {
        let Outcome::Found(Found { mut entry, .. }) = stored_before(0) else { continue };
        entry.head = response(lines);
        assert_eq!(told(&SearchNews::of_stored(&entry)), news, "{lines:?}");
    }
}

fn told(news: &SearchNews) -> &'static str {
    match news {
        SearchNews::Rule(_) => "rule",
        SearchNews::Over => "over",
        SearchNews::None => "none",
    }
}

/// Where no shared tier exists, a lease is the isolate's own.
#[test]
fn without_redis_a_lease_is_the_isolates() {
    let told = asked(&[Tier::Platform], |_| Outcome::Absent);
    let lease = format!("acquire {:?}", Reach::Isolate);
    assert_eq!(told, ["look Platform", &lease, "fetch GET"]);
}
