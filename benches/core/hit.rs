//! The hit path: what a request costs that a stored response answers.

use std::hint::black_box;

use breadbox::cache::entry::Entry;
use breadbox::cache::exchange::{Action, Exchange, Found, Outcome};
use breadbox::cache::ledger::Subject;
use breadbox::cache::policy::Standing;
use breadbox_benches::{BODY, NOW, PACE, again, entry, mirror, plan, request};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

fn exchange(criterion: &mut Criterion) {
    let inputs = || (entry(), request(), plan());
    criterion.bench_function("exchange", |bencher| {
        bencher.iter_batched(
            inputs,
            |(entry, request, plan)| {
                let (exchange, _) = Exchange::begin(request, NOW, 1, plan);
                let found = Found { entry, body: (), standing: Standing::Clean };
                let (exchange, action) = exchange.resume(Outcome::Found(found), NOW);
                assert!(matches!(&action, Action::Reply(reply) if reply.head.status == 200));
                (exchange, action)
            },
            BatchSize::SmallInput,
        );
    });
}

fn short_way(criterion: &mut Criterion) {
    let (again, entry, request) = (again(), entry(), request());
    criterion.bench_function("again", |bencher| {
        bencher.iter(|| again.answers(black_box(&request), &entry, Standing::Clean, PACE, NOW));
    });
}

fn decode(criterion: &mut Criterion) {
    let mut bytes = entry().encode();
    bytes.resize(bytes.len() + usize::try_from(BODY).unwrap_or(0), b'x');
    criterion.bench_function("decode", |bencher| {
        bencher.iter(|| Entry::decode(black_box(&bytes)).map(|(entry, _)| entry.body_len));
    });
}

fn judge(criterion: &mut Criterion) {
    let (mirror, entry) = (mirror(), entry());
    let subject = Subject { stamp: entry.stamp, key: &entry.key, tags: &entry.tags };
    criterion.bench_function("judge", |bencher| {
        bencher.iter(|| black_box(&mirror).judge(black_box(&subject)));
    });
}

criterion_group!(hits, exchange, short_way, decode, judge);
criterion_main!(hits);
