//! What is special about a Redis Cluster.

use std::collections::BTreeSet;

use crate::place::{Cluster, Place, command, wait_until};

#[test]
fn batches_cross_slots_in_order() {
    let cluster = Cluster::start();
    let place = Place::over(&cluster.url());
    place.wait_until_healthy();
    let writes: Vec<_> = (0..300).map(|n| format!(r#"["RPUSH","list{}","{n}"]"#, n % 30)).collect();
    let reads = (0..30).map(|n| format!(r#"["LRANGE","list{n}","0","-1"]"#));
    let batch: Vec<_> = writes.into_iter().chain(reads).collect();
    let text = place.ask("POST /pipeline", &[], format!("[{}]", batch.join(","))).text();
    for n in 0..30 {
        let list: Vec<_> = (0..10).map(|step| format!("\"{}\"", n + 30 * step)).collect();
        let expected = format!(r#"{{"result":[{}]}}"#, list.join(","));
        assert!(text.contains(&expected), "{expected} is not in {text}");
    }
    let barriers = [
        (r#"["SET","a","1"]"#, r#"{"result":"OK"}"#),
        (r#"["MSET","a","2","b","2","c","2"]"#, r#"{"result":"OK"}"#),
        (r#"["GET","a"]"#, r#"{"result":"2"}"#),
        (r#"["FLUSHALL"]"#, r#"{"result":"OK"}"#),
        (r#"["GET","b"]"#, r#"{"result":null}"#),
        (r#"["DBSIZE"]"#, r#"{"result":0}"#),
    ];
    let (commands, replies): (Vec<_>, Vec<_>) = barriers.into_iter().unzip();
    let text = place.ask("POST /pipeline", &[], format!("[{}]", commands.join(","))).text();
    assert_eq!(text, format!("[{}]", replies.join(",")));
}

#[test]
fn a_transaction_stays_in_one_slot() {
    let cluster = Cluster::start();
    let place = Place::over(&cluster.url());
    place.wait_until_healthy();
    let crossing = place.ask("POST /multi-exec", &[], r#"[["SET","a","1"],["SET","b","1"]]"#);
    assert_eq!(crossing.status, 400);
    assert!(crossing.text().contains("CROSSSLOT"), "{}", crossing.text());
    let together = place.ask("POST /multi-exec", &[], r#"[["SET","{a}b","1"],["GET","{a}b"]]"#);
    assert_eq!(together.text(), r#"[{"result":"OK"},{"result":"1"}]"#);
}

#[test]
fn a_scan_visits_every_node_once() {
    let cluster = Cluster::start();
    let place = Place::over(&cluster.url());
    place.wait_until_healthy();
    let expected: BTreeSet<String> = (0..200).map(|n| format!("key{n}")).collect();
    let sets: Vec<_> = expected.iter().map(|key| format!(r#"["SET","{key}","1"]"#)).collect();
    place.ask("POST /pipeline", &[], format!("[{}]", sets.join(",")));
    let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
    loop {
        let text = place.run(&format!(r#"["SCAN","{cursor}","COUNT","20"]"#));
        let (next, keys) = page(&text);
        seen.extend(keys);
        cursor = next;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen, expected);
    let invalid = place.ask("GET /scan/x", &[], "");
    assert_eq!(invalid.text(), r#"{"error":"ERR invalid cursor"}"#);
}

#[test]
fn commands_follow_a_slot_that_moves() {
    let cluster = Cluster::start();
    let place = Place::over(&cluster.url());
    place.wait_until_healthy();
    let slot = command(&cluster.nodes[0], &["CLUSTER", "KEYSLOT", "moving"]);
    let owner = usize::from(slot.parse::<u16>().expect("a slot") / 5461).min(2);
    let (from, to) = (&cluster.nodes[owner], &cluster.nodes[(owner + 1) % 3]);
    let id = |node| command(node, &["CLUSTER", "MYID"]);
    let (from_id, to_id) = (id(from), id(to));
    assert_eq!(place.run(r#"["SET","moving","1"]"#), r#"{"result":"OK"}"#);
    command(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    command(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    let port = to.port().to_string();
    command(from, &["MIGRATE", "127.0.0.1", &port, "moving", "0", "5000"]);
    // The key is on its new node and the slot on its old one: the answer is ASK.
    assert_eq!(place.run(r#"["INCR","moving"]"#), r#"{"result":2}"#);
    for node in [to, from] {
        command(node, &["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
    // The slot has moved: the answer of the old node is MOVED.
    assert_eq!(place.run(r#"["INCR","moving"]"#), r#"{"result":3}"#);
    wait_until("a transaction finds the new owner", || {
        let answer = place.ask("POST /multi-exec", &[], r#"[["GET","moving"]]"#);
        answer.text() == r#"[{"result":"3"}]"#
    });
}

/// The cursor and the keys of `{"result":["cursor",["key",…]]}`.
fn page(text: &str) -> (String, Vec<String>) {
    let strings: Vec<String> =
        text.split('"').skip(1).step_by(2).skip(1).map(str::to_owned).collect();
    let (cursor, keys) = strings.split_first().expect("a cursor");
    (cursor.clone(), keys.to_vec())
}
