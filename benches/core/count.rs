//! What valgrind counts: one case, so many times. `cargo xtask count` runs it.

use std::hint::black_box;

use breadbox::cache::entry::Entry;
use breadbox::cache::exchange::{Action, Again, Exchange, Found, Outcome};
use breadbox::cache::ledger::Subject;
use breadbox::cache::policy::Standing;
use breadbox_benches::{BODY, NOW, PACE, again, entry, mirror, plan, request};

fn main() {
    let mut words = std::env::args().skip(1);
    let (name, times) = (words.next().unwrap_or_default(), words.next());
    let times: u32 = times.and_then(|times| times.parse().ok()).unwrap_or(0);
    match name.as_str() {
        "again" => {
            let (again, entry, request): (Again, _, _) = (again(), entry(), request());
            for _ in 0..times {
                assert!(again.answers(black_box(&request), &entry, Standing::Clean, PACE, NOW));
            }
        }
        "decode" => {
            let mut bytes = entry().encode();
            bytes.resize(bytes.len() + usize::try_from(BODY).unwrap_or(0), b'x');
            for _ in 0..times {
                black_box(Entry::decode(black_box(&bytes)).map(|(entry, _)| entry.body_len).ok());
            }
        }
        "exchange" => {
            let (entry, request, plan) = (entry(), request(), plan());
            for _ in 0..times {
                let (exchange, _) = Exchange::begin(request.clone(), NOW, 1, plan.clone());
                let found = Found { entry: entry.clone(), body: (), standing: Standing::Clean };
                let (_, action) = exchange.resume(Outcome::Found(found), NOW);
                assert!(matches!(black_box(&action), Action::Reply(_)));
            }
        }
        "judge" => {
            let (mirror, entry) = (mirror(), entry());
            let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
            for _ in 0..times {
                black_box(black_box(&mirror).judge(black_box(&subject)));
            }
        }
        other => {
            eprintln!("there is no case {other:?}: again, decode, exchange, judge");
            std::process::exit(2);
        }
    }
}
