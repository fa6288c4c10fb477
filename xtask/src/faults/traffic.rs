//! Paced requests of the four classes, each answer checked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use reqwest::Client;
use tokio::time::sleep_until;

use super::record::{Published, Terms, Wrong, tag_of};
use crate::harness::{ADMIN, Edge, VISIBILITY};

/// What kind of use is made of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Pages that are fresh for the whole run.
    Hit,
    /// Pages that are stale after a second and may be served so.
    Stale,
    /// Pages that nobody has asked for before.
    Miss,
    /// Purges, and the purged page after each.
    Purge,
}

/// What one request came to.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it was.
    pub class: Class,
    /// How long its answer took, body included.
    pub took: Duration,
    /// What it came to.
    pub end: End,
}

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// What the origin published, or a purge acknowledged.
    Good,
    /// No whole answer came.
    Lost,
    /// A purge that was not acknowledged, and said so.
    Refused,
    /// Another status than it should have.
    Status(u16),
    /// Something that may not be served.
    Wrong(Wrong),
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hit, Self::Stale, Self::Miss, Self::Purge];

    /// Its name, which is how its paths begin, too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Miss => "miss",
            Self::Purge => "purge",
        }
    }

    /// The path of a page of this class.
    pub fn path(self, number: usize) -> String {
        format!("/{}/{number}", self.name())
    }

    fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| path[1..].starts_with(class.name()))
    }

    /// So many requests a second and client.
    fn rate(self) -> u32 {
        match self {
            Self::Purge => 4,
            _ => 20,
        }
    }
}

/// The terms under which the classes' pages are what their names say.
pub fn terms() -> Terms {
    let cache_control = |path: &str| match Class::of(path) {
        Some(Class::Stale) => "max-age=1, stale-while-revalidate=600, stale-if-error=600",
        _ => "max-age=3600, stale-if-error=600",
    };
    Terms { cache_control, stale: |_| Duration::from_secs(7200), visibility: VISIBILITY }
}

/// Asks an edge for pages of every class for `span`.
pub async fn window(edge: &Edge, site: &Published, client: &Client, span: Duration) -> Vec<Sample> {
    let end = Instant::now() + span;
    let one = |class: Class, number: usize| async move {
        let mut samples = Vec::new();
        let pace = Duration::from_secs(1) / class.rate();
        let mut due = Instant::now() + pace * u32::from(number > 0) / 2;
        let mut turn = number;
        while due < end {
            sleep_until(due.into()).await;
            samples.extend(ask(edge, site, client, class, turn).await);
            turn += CLIENTS;
            due = (due + pace).max(Instant::now());
        }
        samples
    };
    let all = Class::ALL.into_iter().flat_map(|class| (0..CLIENTS).map(move |n| one(class, n)));
    let all: Vec<_> = all.collect();
    let mut samples = Vec::new();
    for part in futures_util::future::join_all(all).await {
        samples.extend(part);
    }
    samples
}

/// How often the origin was asked for pages of a class since it last forgot.
pub fn fetches(site: &Published, class: Class) -> usize {
    let seen = site.origin.requests();
    seen.iter().filter(|request| Class::of(&request.path) == Some(class)).count()
}

async fn ask(
    edge: &Edge,
    site: &Published,
    client: &Client,
    class: Class,
    turn: usize,
) -> Vec<Sample> {
    let url = edge.url(turn);
    match class {
        Class::Hit | Class::Stale => {
            // One page after the other, so that each is asked for by all isolates in turn, and at
            // intervals of which no multiple is near a second, as long as those are fresh.
            vec![page(site, client, url, class, &class.path(turn % PAGES)).await]
        }
        Class::Miss => vec![page(site, client, url, class, &fresh_path()).await],
        Class::Purge => {
            let path = class.path(turn % PAGES);
            let purged = purge(site, client, url, &path).await;
            vec![purged, page(site, client, url, class, &path).await]
        }
    }
}

/// A path that nobody has asked for.
pub fn fresh_path() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    Class::Miss.path(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Asks for one page.
pub async fn page(
    site: &Published,
    client: &Client,
    edge: &str,
    class: Class,
    path: &str,
) -> Sample {
    let asked = Instant::now();
    let got: Result<_, reqwest::Error> = async {
        let response = client.get(format!("{edge}{path}")).send().await?;
        Ok((response.status().as_u16(), response.bytes().await?))
    }
    .await;
    let answered = Instant::now();
    let end = match got {
        Err(_) => End::Lost,
        Ok((200, body)) => {
            site.check(path, &body, asked, answered).map_or_else(End::Wrong, |()| End::Good)
        }
        Ok((status, _)) => End::Status(status),
    };
    Sample { class, took: answered - asked, end }
}

/// Publishes a page anew and purges it.
pub async fn purge(site: &Published, client: &Client, edge: &str, path: &str) -> Sample {
    let version = site.publish(path);
    let body = format!("{{\"tags\":[\"{}\"]}}", tag_of(path));
    let asked = Instant::now();
    let request = client.post(format!("{edge}/api/v1/cache/purge")).bearer_auth(ADMIN).body(body);
    let got = request.send().await.map(|response| response.status().as_u16());
    let took = asked.elapsed();
    let end = match got {
        Err(_) => End::Lost,
        Ok(200) => {
            site.purged(path, version, Instant::now());
            End::Good
        }
        Ok(503) => End::Refused,
        Ok(status) => End::Status(status),
    };
    Sample { class: Class::Purge, took, end }
}

/// Clients of each class.
const CLIENTS: usize = 2;
/// Pages of each class: an odd number, of which a round takes 675 ms.
pub const PAGES: usize = 27;
