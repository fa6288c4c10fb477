//! What the protocol promises, on every kind of server.

use crate::http::send;
use crate::place::{Cluster, Place, READER, TOKEN, redis, valkey};

#[test]
fn the_contract_holds_on_redis() {
    let server = redis();
    hold(&Place::over(&server.url()));
}

#[test]
fn the_contract_holds_on_valkey() {
    let server = valkey();
    hold(&Place::over(&server.url()));
}

#[test]
fn the_contract_holds_on_a_cluster() {
    let cluster = Cluster::start();
    hold(&Place::over(&cluster.url()));
}

/// A request, and the answer that it must get. A text that ends in `…` is the answer's beginning.
struct Case(&'static str, Headers<'static>, &'static str, u16, &'static str);

type Headers<'a> = &'a [(&'a str, &'a str)];

fn hold(place: &Place) {
    place.wait_until_healthy();
    for Case(head, headers, body, status, expected) in CASES {
        let answer = place.ask(head, headers, body);
        let said = answer.text();
        let context = format!("{head} {headers:?} {body}\n  answered {} {said}", answer.status);
        assert_eq!(answer.status, *status, "{context}");
        match expected.strip_suffix('…') {
            Some(start) => assert!(said.starts_with(start), "{context}\n  not {expected}"),
            None => assert_eq!(said, *expected, "{context}"),
        }
        let format = match said.as_bytes().first() {
            _ if head.starts_with("GET / ") || head.starts_with("HEAD") => continue,
            Some(b'{' | b'[') => "application/json",
            _ => "application/octet-stream",
        };
        assert_eq!(answer.header("content-type"), format, "{context}");
    }
    every_byte_survives(place);
    each_answer_has_its_own_sync_token(place);
    only_the_right_token_opens(place);
    the_reading_token_only_reads(place);
    scripts_with_key_locking_run(place);
}

fn every_byte_survives(place: &Place) {
    let bytes: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    let stored = place.ask("POST /set/bytes?PX=100000", &[], &bytes);
    assert_eq!(stored.text(), r#"{"result":"OK"}"#);
    let raw = place.ask("GET /get/bytes", &[RESP2], "").body;
    assert_eq!(raw, [b"$512\r\n".as_slice(), &bytes, b"\r\n"].concat());
    let text = place.ask("GET /get/bytes", &[BASE64], "").text();
    assert!(text.starts_with(r#"{"result":"AAECAwQF"#) && text.ends_with("BAMCAQA=\"}"), "{text}");
    let path: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(place.ask(&format!("POST /set/escaped/{path}"), &[], "").status, 200);
    let raw = place.ask("GET /get/escaped", &[RESP2], "").body;
    assert_eq!(raw, [b"$512\r\n".as_slice(), &bytes, b"\r\n"].concat());
    let run = "POST /eval/return%20ARGV%5B%23ARGV%5D/1/bytes/first";
    let raw = place.ask(run, &[RESP2], &bytes).body;
    assert_eq!(raw, [b"$512\r\n".as_slice(), &bytes, b"\r\n"].concat());
}

fn each_answer_has_its_own_sync_token(place: &Place) {
    let token = |head| place.ask(head, &[("upstash-sync-token", "")], "");
    let [first, second] = [token("POST /set/sync/1"), token("POST /set/sync/2")];
    let [first, second] = [&first, &second].map(|answer| answer.header("Upstash-Sync-Token"));
    assert!(!first.is_empty() && first != second, "{first} and {second}");
}

fn only_the_right_token_opens(place: &Place) {
    let bearer = format!("bearer {TOKEN}");
    let query = format!("GET /ping?_token={TOKEN}");
    let cases: [(&str, Headers, u16); 6] = [
        ("GET /ping", &[], 401),
        ("GET /ping", &[("Authorization", "Bearer standard-tokem")], 401),
        ("GET /ping", &[("Authorization", &bearer)], 200),
        (&query, &[], 200),
        (&query, &[("Authorization", "Bearer wrong-token")], 401),
        ("GET /metrics", &[], 401),
    ];
    for (head, headers, status) in cases {
        let answer = send(place.address(), head, headers, b"");
        assert_eq!(answer.status, status, "{head} {headers:?}");
        if status == 401 {
            let expected = r#"{"error":"WRONGPASS invalid or missing auth token"}"#;
            assert_eq!(answer.text(), expected);
        }
    }
}

fn the_reading_token_only_reads(place: &Place) {
    let bearer = format!("Bearer {READER}");
    let run = |command: &str| {
        send(place.address(), "POST /", &[("Authorization", &bearer)], command.as_bytes())
    };
    place.run(r#"["SET","seen","1"]"#);
    for allowed in [
        r#"["GET","seen"]"#,
        r#"["PING"]"#,
        r#"["OBJECT","ENCODING","seen"]"#,
        r#"["EVAL_RO","return redis.call('GET',KEYS[1])","1","seen"]"#,
    ] {
        assert_eq!(run(allowed).status, 200, "{allowed}");
    }
    for refused in [
        r#"["SET","seen","2"]"#,
        r#"["KEYS","*"]"#,
        r#"["SCAN","0"]"#,
        r#"["EVAL","return 1","0"]"#,
        r#"["SCRIPT","LOAD","return 1"]"#,
        r#"["FLUSHALL"]"#,
    ] {
        let answer = run(refused);
        assert_eq!(answer.status, 400, "{refused}");
        assert!(answer.text().starts_with(r#"{"error":"NOPERM "#), "{refused}: {}", answer.text());
    }
    let batch = br#"[["GET","seen"],["DEL","seen"]]"#;
    let answer = send(place.address(), "POST /pipeline", &[("Authorization", &bearer)], batch);
    let text = answer.text();
    assert!(text.starts_with(r#"[{"result":"1"},{"error":"NOPERM "#), "{text}");
    let answer = send(place.address(), "POST /multi-exec", &[("Authorization", &bearer)], batch);
    assert_eq!(answer.status, 400, "{}", answer.text());
    let answer = send(place.address(), "POST /subscribe/c", &[("Authorization", &bearer)], b"");
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(place.run(r#"["GET","seen"]"#), r#"{"result":"1"}"#);
}

fn scripts_with_key_locking_run(place: &Place) {
    let text = r"#!lua flags=allow-key-locking\nreturn {KEYS[1], ARGV[1]}";
    let sha = "3bc2a7d31628f8c9b8ebf73e8b84bfcdb9368b6b";
    let unknown = place.run(&format!(r#"["EVALSHA","{sha}","1","k","v"]"#));
    assert!(unknown.starts_with(r#"{"error":"NOSCRIPT "#), "{unknown}");
    let loaded = place.run(&format!(r#"["SCRIPT","LOAD","{text}"]"#));
    assert_eq!(loaded, format!(r#"{{"result":"{sha}"}}"#));
    let exists = place.run(&format!(r#"["SCRIPT","EXISTS","{sha}"]"#));
    assert_eq!(exists, r#"{"result":[1]}"#);
    let path = format!("POST /evalsha/{sha}/1/k");
    assert_eq!(place.ask(&path, &[], "v").text(), r#"{"result":["k","v"]}"#);
    let batch = format!(r#"[["EVALSHA","{sha}","1","k","v"],["EVAL","{text}","1","k","w"]]"#);
    let expected = r#"[{"result":["k","v"]},{"result":["k","w"]}]"#;
    assert_eq!(place.ask("POST /pipeline", &[], &batch).text(), expected);
    assert_eq!(place.ask("POST /multi-exec", &[], &batch).text(), expected);
}

const BASE64: (&str, &str) = ("Upstash-Encoding", "base64");
const RESP2: (&str, &str) = ("Upstash-Response-Format", "resp2");

const CASES: &[Case] = &[
    // One command, in every form.
    Case("POST /set/a/1", &[], "", 200, r#"{"result":"OK"}"#),
    Case("GET /get/a", &[], "", 200, r#"{"result":"1"}"#),
    Case("PUT /SET/a", &[], "2", 200, r#"{"result":"OK"}"#),
    Case("POST /", &[], r#"["get","a"]"#, 200, r#"{"result":"2"}"#),
    Case("PUT /", &[], r#"["get","a"]"#, 200, r#"{"result":"2"}"#),
    Case("POST /set/a?EX=100&NX", &[], "3", 200, r#"{"result":null}"#),
    Case("POST /set/a?EX=100&XX&_token=x", &[], "3", 200, r#"{"result":"OK"}"#),
    Case("POST /set/b%2Fc%25/x+y%2Bz", &[], "", 200, r#"{"result":"OK"}"#),
    Case("POST /", &[], r#"["GET","b/c%"]"#, 200, r#"{"result":"x+y+z"}"#),
    Case("GET /echo?a+b%2B=c", &[], "", 400, r#"{"error":"ERR wrong number of arguments…"#),
    Case("GET /echo?a+b%2B", &[], "", 200, r#"{"result":"a b+"}"#),
    Case("POST /echo/", &[], "", 200, r#"{"result":""}"#),
    Case("GET /echo/x", &[("Content-Type", "text/plain")], "y", 200, r#"{"result":"x"}"#),
    Case("HEAD /get/a", &[], "", 200, ""),
    Case("POST /", &[], r#"["SET","n",1000000]"#, 200, r#"{"result":"OK"}"#),
    Case("GET /get/n", &[], "", 200, r#"{"result":"1000000"}"#),
    Case("POST /", &[], r#"["SET","n",1.50]"#, 200, r#"{"result":"OK"}"#),
    Case("GET /get/n", &[], "", 200, r#"{"result":"1.50"}"#),
    Case("POST /", &[], r#"["SET","n",true]"#, 200, r#"{"result":"OK"}"#),
    Case("GET /get/n", &[], "", 200, r#"{"result":"true"}"#),
    // Kinds of replies.
    Case("GET /get/none", &[], "", 200, r#"{"result":null}"#),
    Case("POST /incr/count", &[], "", 200, r#"{"result":1}"#),
    Case("POST /rpush/list/a/b", &[], "", 200, r#"{"result":2}"#),
    Case("GET /lrange/list/0/-1", &[], "", 200, r#"{"result":["a","b"]}"#),
    Case("POST /hset/hash/f/v", &[], "", 200, r#"{"result":1}"#),
    Case("GET /hgetall/hash", &[], "", 200, r#"{"result":["f","v"]}"#),
    Case("POST /zadd/zset/1.5/m", &[], "", 200, r#"{"result":1}"#),
    Case("GET /zscore/zset/m", &[], "", 200, r#"{"result":"1.5"}"#),
    Case("GET /mget/a/none", &[], "", 200, r#"{"result":["3",null]}"#),
    Case("GET /ping", &[], "", 200, r#"{"result":"PONG"}"#),
    // Base64: every string but a single OK.
    Case("GET /get/a", &[BASE64], "", 200, r#"{"result":"Mw=="}"#),
    Case("POST /set/ok/OK", &[BASE64], "", 200, r#"{"result":"OK"}"#),
    Case("GET /get/ok", &[BASE64], "", 200, r#"{"result":"T0s="}"#),
    Case("GET /lrange/list/0/-1", &[BASE64], "", 200, r#"{"result":["YQ==","Yg=="]}"#),
    Case("GET /nocommand", &[BASE64], "", 400, r#"{"error":"ERR unknown command…"#),
    // RESP2.
    Case("GET /get/a", &[RESP2], "", 200, "$1\r\n3\r\n"),
    Case("GET /get/none", &[RESP2], "", 200, "$-1\r\n"),
    Case("POST /", &[RESP2], r#"["set","a","4"]"#, 200, "+OK\r\n"),
    Case("GET /lrange/list/0/-1", &[RESP2], "", 200, "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
    Case("GET /incr/list", &[RESP2], "", 400, "-WRONGTYPE …"),
    Case("GET /get/a", &[("Upstash-Reponse-Format", "resp2")], "", 200, "$1\r\n4\r\n"),
    Case("GET /get/a", &[("Upstash-Response-Format", "json")], "", 200, r#"{"result":"4"}"#),
    Case("GET /get/a", &[("Upstash-Response-Format", "xml")], "", 400, r#"{"error":"ERR …"#),
    Case("GET /get/a", &[RESP2, BASE64], "", 400, r#"{"error":"ERR …"#),
    // Errors.
    Case("POST /", &[], "", 400, r#"{"error":"ERR empty command"}"#),
    Case("POST /", &[], "[]", 400, r#"{"error":"ERR empty command"}"#),
    Case("POST /", &[], r#"{"a":1}"#, 400, r#"{"error":"ERR failed to parse command…"#),
    Case("POST /", &[], r#"["SET","a",null]"#, 400, r#"{"error":"ERR failed to parse…"#),
    Case("GET /nocommand/a", &[], "", 400, r#"{"error":"ERR unknown command…"#),
    Case("GET /incr/list", &[], "", 400, r#"{"error":"WRONGTYPE …"#),
    Case("GET /evalsha/0/0", &[], "", 400, r#"{"error":"NOSCRIPT …"#),
    Case("DELETE /get/a", &[], "", 405, r#"{"error":"ERR method not allowed"}"#),
    Case("OPTIONS /", &[], "", 405, r#"{"error":"ERR method not allowed"}"#),
    // Commands that are not served.
    Case("GET /shutdown", &[], "", 400, r#"{"error":"ERR Command is not available: 'SHUTDOWN'"}"#),
    Case("GET /config/get/*", &[], "", 400, r#"{"error":"ERR Command is not available…"#),
    Case("GET /config/get/notify-keyspace-events", &[], "", 200, r#"{"result":["notify-…"#),
    Case("POST /", &[], r#"["BLPOP","a","0"]"#, 400, r#"{"error":"ERR Command is not…"#),
    Case("POST /", &[], r#"["SUBSCRIBE","a"]"#, 400, r#"{"error":"ERR Command is not…"#),
    Case("GET /xread/block/0/streams/s/0", &[], "", 400, r#"{"error":"ERR Command is not…"#),
    Case("GET /multi", &[], "", 400, r#"{"error":"ERR Command is not…"#),
    // Pipelines.
    Case(
        "POST /pipeline",
        &[],
        r#"[["SET","p","1"],["INCR","p"],["INCR","list"],[],["SHUTDOWN"],["GET","p"]]"#,
        200,
        concat!(
            r#"[{"result":"OK"},{"result":2},{"error":"WRONGTYPE Operation against a key holding "#,
            r#"the wrong kind of value"},{"error":"ERR empty pipeline command"},"#,
            r#"{"error":"ERR Command is not available: 'SHUTDOWN'"},{"result":"2"}]"#,
        ),
    ),
    Case("POST /pipeline", &[RESP2], r#"[["GET","p"],["INCR","p"]]"#, 200, "$1\r\n2\r\n:3\r\n"),
    Case("POST /pipeline/", &[BASE64], r#"[["GET","p"]]"#, 200, r#"[{"result":"Mw=="}]"#),
    Case("POST /pipeline", &[], "[]", 400, r#"{"error":"ERR empty pipeline request"}"#),
    Case("POST /pipeline", &[], "", 400, r#"{"error":"ERR failed to parse pipeline request…"#),
    Case("POST /pipeline", &[], r#"["GET","p"]"#, 400, r#"{"error":"ERR failed to parse…"#),
    // Transactions.
    Case(
        "POST /multi-exec",
        &[RESP2],
        r#"[["SET","{t}","1"],["INCR","{t}"],["LPUSH","{t}","x"],["GET","{t}"]]"#,
        200,
        concat!(
            r#"[{"result":"OK"},{"result":2},{"error":"WRONGTYPE Operation against a key holding "#,
            r#"the wrong kind of value"},{"result":"2"}]"#,
        ),
    ),
    Case("POST /multi-exec", &[BASE64], r#"[["GET","{t}"]]"#, 200, r#"[{"result":"Mg=="}]"#),
    Case(
        "POST /multi-exec",
        &[],
        r#"[["SET","{t}","9"],["SET","{t}"]]"#,
        400,
        r#"{"error":"EXECABORT Transaction discarded because of: ERR wrong number of…"#,
    ),
    Case("POST /multi-exec", &[], r#"[["SET","{t}","9"],["QUIT"]]"#, 400, r#"{"error":"ERR Co…"#),
    Case("GET /get/%7Bt%7D", &[], "", 200, r#"{"result":"2"}"#),
    // Pages of the gateway itself.
    Case("GET /health", &[], "", 200, r#"{"result":"OK"}"#),
];
