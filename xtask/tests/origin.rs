//! The scripted origin fails in the ways it is told to.

use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use xtask::harness::client;
use xtask::origin::{Origin, Reply};

#[tokio::test]
async fn answers_follow_the_script_and_are_logged() -> Result<()> {
    let origin = Origin::start(|request| match request.path.as_str() {
        "/page" => Reply::ok("hello").header("set-cookie", "a=1").header("set-cookie", "b=2"),
        _ => Reply::status(404),
    })?;
    let url = origin.url();
    let page = client().get(format!("{url}/page?q=1")).header("x-a", "1").send().await?;
    assert_eq!(page.headers().get_all("set-cookie").iter().count(), 2);
    assert_eq!(page.text().await?, "hello");
    assert_eq!(client().post(format!("{url}/x")).body("b").send().await?.status(), 404);
    let seen = origin.requests();
    assert_eq!(seen[0].query, "q=1");
    assert_eq!(seen[0].header("x-a"), "1");
    assert_eq!((seen[1].method.as_str(), &seen[1].body[..]), ("POST", &b"b"[..]));
    origin.rescript(|_| Reply::ok("other"));
    assert_eq!(client().get(format!("{url}/page")).send().await?.text().await?, "other");
    Ok(())
}

#[tokio::test]
async fn bodies_are_dripped_cut_and_stalled() -> Result<()> {
    let origin = Origin::start(|request| match request.path.as_str() {
        "/drip" => Reply::ok("0123456789").drip(3, Duration::from_millis(1)),
        "/cut" => Reply::ok("0123456789").truncate(4),
        "/stall" => Reply::ok("0123456789").stall(4),
        "/close" => Reply::close(),
        _ => Reply::hang(),
    })?;
    let url = origin.url();
    let drip = client().get(format!("{url}/drip")).send().await?;
    assert_eq!(drip.content_length(), None);
    assert_eq!(drip.text().await?, "0123456789");
    let mut cut = client().get(format!("{url}/cut")).send().await?;
    assert_eq!(cut.content_length(), Some(10));
    assert_eq!(cut.chunk().await?.as_deref(), Some(&b"0123"[..]));
    assert!(cut.chunk().await.is_err());
    assert!(client().get(format!("{url}/close")).send().await.is_err());
    let short = Duration::from_millis(200);
    let stall = client().get(format!("{url}/stall")).timeout(short).send().await?;
    assert!(stall.text().await.is_err());
    let hang = client().get(format!("{url}/hang")).timeout(short).send().await;
    assert!(hang.is_err_and(|error| error.is_timeout()));
    Ok(())
}

#[tokio::test]
async fn it_comes_back_on_its_port() -> Result<()> {
    let mut origin = Origin::start(|_| Reply::ok("up"))?;
    let url = origin.url();
    let client = client();
    assert_eq!(client.get(&url).send().await?.text().await?, "up");
    origin.stop();
    assert!(client.get(&url).send().await.is_err());
    origin.start_again()?;
    assert_eq!(client.get(&url).send().await?.text().await?, "up");
    Ok(())
}

/// A process that is being started holds this one's sockets until its program runs. Tests start
/// processes all the time beside each other's origins.
#[test]
fn processes_that_start_meanwhile_take_no_port() -> Result<()> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let started = Command::new("true").process_group(0).spawn();
                    started.and_then(|mut child| child.wait()).expect("`true` runs");
                }
            });
        }
        let listening = (0..200).try_for_each(|_| {
            let mut origin = Origin::start(|_| Reply::ok("up"))?;
            origin.stop();
            let address = origin.url().replace("http://", "");
            ensure!(TcpStream::connect(address).is_err(), "it accepts after its stop");
            origin.start_again()
        });
        over.store(true, Ordering::Relaxed);
        listening
    })
}
