//! The cron trigger of a deployment with many sites.

use std::time::{Duration, Instant};

use anyhow::Result;
use xtask::harness::{ADMIN, Spec, Troubles, eventually};
use xtask::origin::Origin;

use crate::budgets::{SUBREQUESTS, subrequests};
use crate::site::{PATIENCE, Site, answer, one, page, set};
use crate::warming::cron;

/// More than an event has subrequests for, as each takes seven at the least.
const SITES: usize = 12;

/// Counts are on their way within this.
const COUNTS: Duration = Duration::from_secs(3);

struct Sites {
    site: Site,
    origin: Origin,
}

impl Sites {
    fn start() -> Result<Self> {
        let origin = Origin::start(|_| page(1))?;
        let rules: String = (0..SITES)
            .map(|n| {
                let (host, origin) = (host(n), origin.url());
                format!(
                    "[[site]]\nhosts = [\"{host}\"]\norigin = \"{origin}\"\nnamespace = \"s{n}\"\n"
                )
            })
            .collect();
        let site = Site::with(
            |_| page(1),
            |spec| {
                let troubles = Troubles::OnEveryLine;
                let spec = Spec { rules, authority: None, troubles, ..one(spec) };
                // A busy machine is no fault of the store, which would cost a site its turn.
                let spec = set(spec, "REDIS_TIMEOUT", "5s");
                set(set(spec, "VISIBILITY", "0s"), "ORIGIN", "")
            },
        )?;
        Ok(Self { site, origin })
    }

    async fn ask(&self, number: usize, method: &str, path: &str, body: &str) -> Result<u16> {
        let asked = self.site.request(method, 0, path).header("host", host(number));
        Ok(answer(asked.bearer_auth(ADMIN).body(body.to_owned())).await?.status)
    }

    fn subrequests(&self) -> Result<u64> {
        Ok(subrequests(&self.site)? + self.origin.requests().len() as u64)
    }

    /// Waits until what earlier requests have left for later is done, their counts included.
    async fn quiet(&self) -> Result<()> {
        let (mut last, mut since) = (0, Instant::now());
        eventually("nothing is under way", PATIENCE, async || {
            let now = self.subrequests().unwrap_or_default();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            since.elapsed() > COUNTS
        })
        .await
    }

    /// Has the cron trigger fire, and tells how many subrequests that took.
    async fn tick(&self) -> Result<u64> {
        let before = self.subrequests()?;
        cron(&self.site).await?;
        let spent = self.subrequests()? - before;
        assert!(spent <= SUBREQUESTS, "{spent} subrequests");
        Ok(spent)
    }

    /// How many sites have keys of this name.
    fn having(&mut self, name: &str) -> Result<usize> {
        let mut wire = self.site.wire()?;
        let found = (0..SITES).map(|n| wire.keys(&format!("{{s{n}:0}}:{name}")));
        let found: Result<Vec<_>> = found.collect();
        Ok(found?.iter().filter(|keys| !keys.is_empty()).count())
    }
}

fn host(number: usize) -> String {
    format!("site{number}.test")
}

/// Each event begins where the one before stopped. Its canary tells that a site was seen to.
#[tokio::test]
async fn every_site_has_its_turn_within_the_free_plans_subrequests() -> Result<()> {
    let mut sites = Sites::start()?;
    let mut seen = Vec::new();
    for _ in 0..3 {
        sites.tick().await?;
        seen.push(sites.having("ledger")?);
    }
    assert_eq!(seen, [4, 8, 12]);
    Ok(())
}

/// What is long for one site, such as a job or a sweep, holds the others up for an event each time
/// and no longer: each event sees to one site at the least, and none needs more than two turns.
#[tokio::test]
async fn jobs_and_sweeps_of_many_sites_all_come_to_an_end() -> Result<()> {
    let mut sites = Sites::start()?;
    for number in 0..SITES {
        assert_eq!(sites.ask(number, "GET", "/old", "").await?, 200);
    }
    let every = r#"{"everything":true}"#;
    for number in 0..SITES {
        assert_eq!(sites.ask(number, "POST", "/api/v1/cache/purge", every).await?, 200);
    }
    let urls: Vec<String> = (0..7).map(|n| format!("\"/{n}\"")).collect();
    let job = format!(r#"{{"urls":[{}],"rate":100}}"#, urls.join(","));
    for number in [2, 3, 9] {
        // Whoever begins a job has its first slice done.
        assert_eq!(sites.ask(number, "POST", "/api/v1/cache/warm", &job).await?, 200);
    }
    assert_eq!(sites.having("e:*")?, SITES);
    sites.quiet().await?;
    sites.site.wire()?.ask(&[b"SCRIPT", b"FLUSH"])?;
    let (mut ticks, mut most) = (0, 0);
    while sites.having("e:*")? > 3 || sites.having("warm:*")? > 0 {
        most = sites.tick().await?.max(most);
        ticks += 1;
        assert!(ticks <= 2 * SITES, "after {ticks} events something is left to do");
    }
    assert!(most > 30, "{most}: no event had much to do");
    for number in 0..7 {
        assert_eq!(sites.origin.requests_for(&format!("/{number}")).len(), 3, "/{number}");
    }
    Ok(())
}
