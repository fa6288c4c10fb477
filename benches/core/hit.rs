//! The hit path: what a request costs that a stored response answers.

use breadbox::cache::entry::Entry;
use breadbox::cache::exchange::{Action, Exchange, Found, Outcome};
use breadbox::cache::ledger::Subject;
use breadbox::cache::policy::Standing;
use breadbox_benches::{BODY, NOW, entry, mirror, plan, request};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

#[divan::bench]
fn exchange(bencher: Bencher<'_, '_>) {
    let (entry, request, plan) = (entry(), request(), plan());
    bencher.with_inputs(|| (entry.clone(), request.clone(), plan.clone())).bench_values(
        |(entry, request, plan)| {
            let (exchange, _) = Exchange::begin(request, NOW, 1, plan);
            let found = Found { entry, body: (), standing: Standing::Clean };
            let (exchange, action) = exchange.resume(Outcome::Found(found), NOW);
            assert!(matches!(&action, Action::Reply(reply) if reply.head.status == 200));
            black_box((exchange, action))
        },
    );
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let mut bytes = entry().encode();
    bytes.resize(bytes.len() + usize::try_from(BODY).unwrap_or(0), b'x');
    bencher.bench(|| Entry::decode(black_box(&bytes)).map(|(entry, _)| entry.body_len));
}

#[divan::bench]
fn judge(bencher: Bencher<'_, '_>) {
    let (mirror, entry) = (mirror(), entry());
    let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
    bencher.bench(|| black_box(&mirror).judge(black_box(&subject)));
}
