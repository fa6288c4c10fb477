//! The proxy makes the trouble that it is told to make, and none afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xtask::faults::{Proxy, Speech, Trouble};
use xtask::harness::reqwest::{Client, Error, redirect::Policy};
use xtask::origin::{Origin, Reply};

/// What a client makes of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Cut,
    Late,
    Refused,
    Text(u16, String),
}

fn client(timeout: Duration) -> Result<Client> {
    let builder = Client::builder().redirect(Policy::none()).no_proxy().timeout(timeout);
    builder.build().context("no client")
}

async fn ask(client: &Client, url: &str) -> Got {
    let told = |error: Error| match () {
        () if error.is_timeout() => Got::Late,
        () if error.is_connect() => Got::Refused,
        () => Got::Cut,
    };
    match client.get(url).send().await {
        Err(error) => told(error),
        Ok(response) => {
            let status = response.status().as_u16();
            response.text().await.map_or_else(told, |text| Got::Text(status, text))
        }
    }
}

#[tokio::test]
async fn each_trouble_shows_and_passes() -> Result<()> {
    let origin = Origin::start(|_| Reply::ok("the page"))?;
    let port = origin.url().rsplit_once(':').context("a port")?.1.parse()?;
    let proxy = Proxy::start(port, Speech::Http)?;
    let client = client(Duration::from_millis(600))?;
    let page = || Got::Text(200, "the page".to_owned());
    for trouble in Trouble::HTTP {
        assert_eq!(ask(&client, &proxy.url()).await, page(), "before {trouble}");
        proxy.set(trouble);
        let began = Instant::now();
        let got = ask(&client, &proxy.url()).await;
        match trouble {
            Trouble::Fair | Trouble::Miscoded => assert_eq!(got, page()),
            Trouble::Html => assert!(matches!(&got, Got::Text(200, text) if text.contains("<h1>"))),
            Trouble::Refused | Trouble::Reset | Trouble::Truncated => {
                assert!(matches!(got, Got::Cut | Got::Refused), "{trouble}: {got:?}");
            }
            Trouble::Silent => assert_eq!(got, Got::Late),
            Trouble::Late(by) | Trouble::Slow(by) if by > Duration::from_millis(600) => {
                assert_eq!(got, Got::Late);
            }
            Trouble::Late(by) | Trouble::Slow(by) => {
                assert_eq!(got, page());
                assert!(began.elapsed() >= by);
            }
            Trouble::Status(status) => {
                assert!(matches!(&got, Got::Text(code, _) if *code == status), "{got:?}");
            }
        }
        proxy.set(Trouble::Fair);
        let fair = async || ask(&client, &proxy.url()).await == page();
        xtask::harness::eventually("the line is fair again", Duration::from_secs(5), fair).await?;
    }
    Ok(())
}

#[tokio::test]
async fn bytes_are_carried_late_cut_or_not_at_all() -> Result<()> {
    let origin = Origin::start(|_| Reply::ok("the page"))?;
    let port = origin.url().rsplit_once(':').context("a port")?.1.parse()?;
    let proxy = Proxy::start(port, Speech::Bytes)?;
    for trouble in Trouble::BYTES {
        let client = client(Duration::from_millis(600))?;
        let page = Got::Text(200, "the page".to_owned());
        assert_eq!(ask(&client, &proxy.url()).await, page, "before {trouble}");
        proxy.set(trouble);
        let got = ask(&client, &proxy.url()).await;
        let carried = matches!(trouble, Trouble::Slow(by) if by < Duration::from_millis(600));
        assert_eq!(got == page, carried, "{trouble}: {got:?}");
        proxy.set(Trouble::Fair);
    }
    Ok(())
}
