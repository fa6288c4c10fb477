//! A Worker of its own that keeps what its database says, with `breadbox::values`.
//!
//! `GET /top/<n>` is a query, `POST /score` changes what it says, `GET /figures` tells what the
//! cache did. The database is any server that answers `GET /players` and takes `POST /players`.
#![cfg(target_arch = "wasm32")]

use std::cell::OnceCell;
use std::rc::Rc;

use breadbox::values::{Cache, Cached, Failed, mins, secs};
use serde::{Deserialize, Serialize};
use worker::{Context, Env, Error, Fetch, Method, Request, RequestInit, Response, Result, event};

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Player {
    name: String,
    score: u64,
}

#[event(fetch)]
async fn fetch(mut request: Request, env: Env, context: Context) -> Result<Response> {
    let cache = cache(&env, &Rc::new(context))?;
    let database = env.var("DATABASE_URL")?.to_string();
    let path = request.path();
    match (request.method(), path.split('/').skip(1).collect::<Vec<_>>().as_slice()) {
        (Method::Get, ["figures"]) => Response::ok(format!("{:?}\n", cache.figures())),
        (Method::Get, ["top", count]) => match count.parse() {
            Ok(count) => shown(top(&cache, database, count).await),
            Err(_) => Response::error("top/<n>: n is a number", 400),
        },
        (Method::Post, ["score"]) => {
            let player: Player = request.json().await?;
            change(&database, &player).await?;
            match cache.purge_tag("players").await {
                Ok(()) => Response::empty(),
                // The score is saved; the old table would be shown for as long as it is fresh.
                Err(unpurged) => Response::error(unpurged.to_string(), 503),
            }
        }
        _ => Response::error("GET /top/<n>, POST /score, GET /figures", 404),
    }
}

/// The best players. One query answers everybody for ten seconds, and for a minute more while it is
/// run again in the background.
async fn top(
    cache: &Cache,
    database: String,
    count: usize,
) -> std::result::Result<Cached<Vec<Player>>, Failed<Error>> {
    let ask = cache.get(&format!("players:top:{count}")).tags(["players"]);
    ask.fresh(secs(10)).stale(mins(1)).fetch(move || query(database, count)).await
}

async fn query(database: String, count: usize) -> Result<Vec<Player>> {
    let url = format!("{database}/players").parse()?;
    let mut players: Vec<Player> = Fetch::Url(url).send().await?.json().await?;
    players.sort_by_key(|player| std::cmp::Reverse(player.score));
    players.truncate(count);
    Ok(players)
}

async fn change(database: &str, player: &Player) -> Result<()> {
    let body = serde_json::to_string(player)?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(body.into()));
    let request = Request::new_with_init(&format!("{database}/players"), &init)?;
    match Fetch::Request(request).send().await?.status_code() {
        200..=299 => Ok(()),
        status => Err(Error::RustError(format!("the database answered {status}"))),
    }
}

fn shown(players: std::result::Result<Cached<Vec<Player>>, Failed<Error>>) -> Result<Response> {
    match players {
        Ok(players) => {
            let mut response = Response::from_json(&players.value)?;
            let told = format!("{} from {}", players.verdict, players.source);
            response.headers_mut().set("x-cache", &told)?;
            Ok(response)
        }
        Err(failed) => Response::error(failed.to_string(), 502),
    }
}

thread_local! {
    static CACHE: OnceCell<Cache> = const { OnceCell::new() };
}

/// One cache for all requests of an isolate, each with its own context behind it.
fn cache(env: &Env, context: &Rc<Context>) -> Result<Cache> {
    let [url, token] = ["REDIS_REST_URL", "REDIS_REST_TOKEN"].map(|name| env.var(name));
    let (url, token) = (url?.to_string(), token?.to_string());
    let context = Rc::clone(context);
    CACHE.with(|cache| {
        let cache = cache.get_or_init(|| Cache::connect(&url, &token, drop));
        Ok(cache.behind(move |work| context.wait_until(work)))
    })
}
