//! Requests that share one read of Redis, or one command: none is shared across a change, each
//! gets its own, and who has given up on one is not in its way.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::join_all;
use xtask::harness::{PlatformTier, Spec, Troubles, eventually};
use xtask::origin::{Reply, Seen};

use xtask::faults::Trouble;

use crate::site::{PATIENCE, REDIS_TIMEOUT, Site, answer, one, page, set};

/// A read that was sent before a change is still on its way when the change is answered. Who asks
/// after that reads anew, whichever variant it is.
#[tokio::test]
async fn a_read_from_before_a_change_is_not_shared_after_it() -> Result<()> {
    let site = Site::with(
        |_| page(1).header("vary", "accept-language"),
        |spec| {
            let spec = Spec { troubles: Troubles::OnEveryLine, ..one(spec) };
            set(spec, "NEAR", "off")
        },
    )?;
    for language in ["de", "en"] {
        site.origin.rescript(|_| page(1).header("vary", "accept-language"));
        for warmed in ["de", "en"] {
            eventually("both variants are hits", PATIENCE, async || {
                ask(&site, warmed).await.is_ok_and(|answered| answered.is_hit())
            })
            .await?;
        }
        site.origin.rescript(|_| page(2).header("vary", "accept-language"));
        let store = &site.edge.lines()?.store;
        store.set(Trouble::Late(LATE));
        let before = store.requests();
        let late = answer(site.request("GET", 0, "/page").header("accept-language", language));
        let late = tokio::spawn(late);
        eventually("the read is on its way", PATIENCE, async || store.requests() > before).await?;
        store.set(Trouble::Fair);
        let changed = answer(site.request("POST", 0, "/page")).await?;
        assert_eq!(changed.status, 200, "{}", changed.headers_text());
        let asked = ask(&site, language).await?;
        assert_eq!(asked.text(), "version 2", "{language}: {}", asked.headers_text());
        assert!(!late.is_finished(), "{language}: the machine is too slow for this test");
        late.await??;
    }
    Ok(())
}

/// After a moment in which the whole isolate stood still, a read is given more time than others
/// wait for it. Those are answered from the platform's cache and gone when it ends; `Site` looks
/// for the complaint that the runtime had about that.
#[tokio::test]
async fn who_gives_up_on_a_read_is_not_in_its_way() -> Result<()> {
    let site = Site::with(
        |_| page(1),
        |spec| {
            let spec = Spec { troubles: Troubles::OnEveryLine, ..one(spec) };
            set(set(spec, "NEAR", "off"), REDIS_TIMEOUT, "1s")
        },
    )?;
    site.warm(0, "/page").await?;
    let store = &site.edge.lines()?.store;
    store.set(Trouble::Status(500));
    for _ in 0..BREAKER {
        site.get(0, "/page").await?;
    }
    store.set(Trouble::Silent);
    let mut asked = Vec::new();
    eventually("several wait for one more try", PATIENCE, async || {
        asked.push(tokio::spawn(answer(site.request("GET", 0, "/page"))));
        asked.iter().filter(|asked| !asked.is_finished()).count() == FEW
    })
    .await?;
    let isolate = &site.edge.workers[0].daemon;
    isolate.freeze();
    let still = tokio::time::timeout(STILL, site.get(0, "/page")).await;
    isolate.thaw();
    assert!(still.is_err(), "an isolate that stands still has answered");
    for answered in asked {
        assert_eq!(answered.await??.text(), "version 1");
    }
    Ok(())
}

/// Each answer is of its own page, and what is damaged in Redis harms no other.
#[tokio::test]
async fn what_is_looked_for_at_once_is_read_by_few_commands() -> Result<()> {
    let mut site = Site::with(own_page, |spec| redis_alone(spec, ""))?;
    let paths: Vec<String> = (0..MANY).map(|n| format!("/page/{n}")).collect();
    for path in &paths {
        site.warm(0, path).await?;
    }
    let damaged = damage_one(&mut site)?;
    let store = &site.edge.lines()?.store;
    store.set(Trouble::Late(MOMENT));
    let before = store.requests();
    let answers = join_all(paths.iter().map(|path| site.get(0, path))).await;
    let commands = store.requests() - before;
    let mut misses = 0;
    for (path, answered) in paths.iter().zip(answers) {
        let answered = answered?;
        assert_eq!(answered.text(), own_text(path, "-"));
        misses += usize::from(!answered.is_hit());
    }
    assert_eq!(misses, 1, "but for {damaged} all are whole");
    assert!(commands < MANY / 2, "{commands} commands for {MANY} pages");
    Ok(())
}

/// A reply may be larger than an isolate can hold, though each of its values is not.
#[tokio::test]
async fn what_is_too_large_together_is_read_one_by_one() -> Result<()> {
    let rules = "[[rule]]\nmatch = \"/**\"\nmax_body = \"16MB\"\n";
    let large = |seen: &Seen| own_page(seen).body(own_text(&seen.path, &"-".repeat(LARGE)));
    let site = Site::with(large, |spec| redis_alone(spec, rules))?;
    let paths: Vec<String> = (0..FEW).map(|n| format!("/large/{n}")).collect();
    for path in &paths {
        site.warm(0, path).await?;
    }
    site.edge.lines()?.store.set(Trouble::Late(MOMENT));
    let answers = join_all(paths.iter().map(|path| site.get(0, path))).await;
    for (path, answered) in paths.iter().zip(answers) {
        let answered = answered?;
        assert!(answered.is_hit(), "{path}: {}", answered.headers_text());
        assert!(answered.text() == own_text(path, &"-".repeat(LARGE)), "{path} is another's");
    }
    Ok(())
}

/// Clients go away while others read for them, or count on them; `Site` looks for what the
/// runtime has to say about that.
#[tokio::test]
async fn who_goes_away_takes_nobody_along() -> Result<()> {
    let site = Site::with(own_page, |spec| redis_alone(spec, ""))?;
    let paths: Vec<String> = (0..MANY).map(|n| format!("/page/{n}")).collect();
    for path in &paths {
        site.warm(0, path).await?;
    }
    let store = &site.edge.lines()?.store;
    store.set(Trouble::Late(MOMENT));
    for _ in 0..5 {
        let before = store.requests();
        let asked = |path: &String| tokio::spawn(answer(site.request("GET", 0, path)));
        let asked: Vec<_> = paths.iter().map(asked).collect();
        // One for the first, and one for each sixteen that have waited.
        let sent = before + 1 + (MANY - 1).div_ceil(16);
        eventually("all are on their way", PATIENCE, async || store.requests() >= sent).await?;
        for (n, leaving) in asked.iter().enumerate() {
            if n % 3 < 2 {
                leaving.abort();
            }
        }
        for (path, asked) in paths.iter().zip(asked).skip(2).step_by(3) {
            let answered = asked.await??;
            assert!(answered.is_hit(), "{path}: {}", answered.headers_text());
            assert_eq!(answered.text(), own_text(path, "-"));
        }
    }
    Ok(())
}

/// One isolate that has nothing but Redis, with trouble on its way there.
fn redis_alone(spec: Spec, rules: &str) -> Spec {
    let (troubles, platform) = (Troubles::OnEveryLine, PlatformTier::Off);
    let spec = Spec { troubles, platform, rules: rules.to_owned(), ..one(spec) };
    set(set(spec, "NEAR", "off"), "VISIBILITY", "1h")
}

/// A page that tells which it is.
fn own_page(seen: &Seen) -> Reply {
    page(1).body(own_text(&seen.path, "-"))
}

fn own_text(path: &str, filling: &str) -> String {
    format!("{path}{filling}")
}

/// Damages a stored response in Redis; its key.
fn damage_one(site: &mut Site) -> Result<String> {
    let mut wire = site.wire()?;
    let key = wire.keys("*:e:*")?.into_iter().next().context("nothing is stored")?;
    wire.call(&[b"SET", &key, b"not an entry"])?;
    Ok(String::from_utf8(key)?)
}

async fn ask(site: &Site, language: &str) -> Result<crate::site::Answer> {
    answer(site.request("GET", 0, "/page").header("accept-language", language)).await
}

/// Longer than all that happens meanwhile, and shorter than the edge waits for Redis.
const LATE: Duration = Duration::from_secs(6);

/// So many failures in a row open the breaker.
const BREAKER: usize = 3;
const FEW: usize = 10;
const MANY: usize = 40;
/// Four of them are more than an isolate takes at once, 32 MB.
const LARGE: usize = 9_000_000;
/// Long enough for others to come meanwhile.
const MOMENT: Duration = Duration::from_millis(300);
/// Longer than a read and what it is given again.
const STILL: Duration = Duration::from_millis(2500);
