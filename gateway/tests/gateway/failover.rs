//! A Sentinel group whose primary dies.

use xtask::process::Program;
use xtask::servers::{Daemon, Redis};

use crate::place::{
    Place, command, command_on, daemon, logs, port, redis_with, server, wait_until,
};

#[test]
fn the_gateway_follows_the_primary() {
    let mut primary = redis_with(&[]);
    let replica = redis_with(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]);
    wait_until("the replica is in step", || {
        command(&replica, &["INFO", "replication"]).contains("master_link_status:up")
    });
    let (_sentinels, ports) = sentinels(&primary);
    let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let place = Place::over(&format!("redis+sentinel://{}/main", hosts.join(",")));
    place.wait_until_healthy();
    assert_eq!(place.run(r#"["SET","k","before"]"#), r#"{"result":"OK"}"#);
    wait_until("the replica has the value", || command(&replica, &["GET", "k"]) == "before");

    primary.daemon.kill();
    wait_until("the replica is the primary", || role(&replica).starts_with("master"));
    wait_until("the gateway writes again", || {
        place.ask("POST /", &[], r#"["SET","k","after"]"#).status == 200
    });
    assert_eq!(command(&replica, &["GET", "k"]), "after");

    // The old primary returns, is made a replica and refuses writes; nobody must notice.
    primary.daemon.start_again().expect("the old primary starts again");
    assert_eq!(place.run(r#"["APPEND","k","!"]"#), r#"{"result":6}"#);
}

#[test]
fn a_server_that_becomes_a_replica_is_left() {
    let first = redis_with(&[]);
    let second = redis_with(&["--replicaof", &format!("127.0.0.1 {}", first.port())]);
    wait_until("the replica is in step", || {
        command(&second, &["INFO", "replication"]).contains("master_link_status:up")
    });
    let (_sentinels, ports) = sentinels(&first);
    let place = Place::over(&format!("redis+sentinel://127.0.0.1:{}/main", ports[0]));
    place.wait_until_healthy();
    wait_until("the Sentinels know the replica", || {
        command_on(ports[0], &["SENTINEL", "REPLICAS", "main"])
            .is_ok_and(|replicas| replicas.contains(&second.port().to_string()))
    });
    wait_until("a failover is under way", || {
        command_on(ports[0], &["SENTINEL", "FAILOVER", "main"]).is_ok()
    });
    wait_until("the roles have changed", || {
        role(&second).starts_with("master") && role(&first).starts_with("slave")
    });
    wait_until("the gateway writes to the new primary", || {
        place.ask("POST /", &[], r#"["SET","k","v"]"#).status == 200
    });
    assert_eq!(command(&second, &["GET", "k"]), "v");
}

/// What a server says of itself; nothing while it ends its connections for the change.
fn role(server: &Redis) -> String {
    command_on(server.port(), &["ROLE"]).unwrap_or_default()
}

/// Three Sentinels that watch `primary` as `main`.
fn sentinels(primary: &Redis) -> (Vec<Daemon>, Vec<u16>) {
    let ports: Vec<_> = (0..3).map(|_| port()).collect();
    let start = |port: &u16| {
        let logs = logs();
        let settings = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {} 2\n\
             sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n",
            primary.port()
        );
        let file = logs.join("sentinel.conf");
        std::fs::write(&file, settings).expect("the settings are written");
        let program =
            Program::new("sentinel", server()).arg(file).arg("--sentinel").directory(&logs);
        daemon(program, *port, &logs)
    };
    let daemons = ports.iter().map(start).collect();
    wait_until("the Sentinels know one another", || {
        ports.iter().all(|port| {
            command_on(*port, &["SENTINEL", "CKQUORUM", "main"])
                .is_ok_and(|answer| answer.contains("OK 3"))
        })
    });
    (daemons, ports)
}
