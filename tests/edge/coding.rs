//! Codings: what is stored coded, and clients that can't take it.

use anyhow::Result;
use xtask::origin::{Reply, Seen};

use crate::site::{Answer, Site, answer, asked_exactly, page};

/// A client that can't take the coding gets the text, which is another representation.
#[tokio::test]
async fn a_coding_is_taken_off_for_those_who_cannot_take_it() -> Result<()> {
    for (coding, bytes) in [("gzip", GZIP), ("deflate", DEFLATE)] {
        let site = Site::strict(zipped(coding, bytes))?;
        warm(&site, coding).await?;
        for accepted in ["identity", "br", "gzip;q=0, deflate;q=0", "*;q=0, identity;q=0.1"] {
            let decoded = ask(&site, accepted, &[]).await?;
            assert_eq!(decoded.text(), TEXT, "{accepted}: {}", decoded.headers_text());
            assert!(decoded.is_hit(), "{accepted}: {}", decoded.headers_text());
            assert_eq!(decoded.header("etag"), "W/\"zip\"");
            assert_eq!(decoded.header("vary"), "Accept-Encoding");
            for name in ["content-encoding", "accept-ranges", "content-digest"] {
                assert_eq!(decoded.header(name), "", "{}", decoded.headers_text());
            }
        }
        for accepted in [coding, "*", "br, gzip;q=0.5, deflate;q=0.5"] {
            let coded = ask(&site, accepted, &[]).await?;
            assert_eq!(coded.body.as_ref(), bytes, "{accepted}: {}", coded.headers_text());
            assert_eq!(coded.header("content-encoding"), coding);
            assert_eq!(coded.header("content-length"), bytes.len().to_string());
            assert_eq!(coded.header("etag"), "\"zip\"");
        }
        asked_exactly(&site, "/zip", 1);
    }
    Ok(())
}

/// Conditions work with the tags of both forms; parts are cut of the coded octets alone.
#[tokio::test]
async fn conditions_and_ranges_know_the_forms_apart() -> Result<()> {
    let site = Site::strict(zipped("gzip", GZIP))?;
    warm(&site, "gzip").await?;
    for (accepted, tag) in [("identity", "W/\"zip\""), ("gzip", "W/\"zip\""), ("gzip", "\"zip\"")] {
        let unchanged = ask(&site, accepted, &[("if-none-match", tag)]).await?;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{accepted} {tag}");
    }
    let part = ask(&site, "gzip", &[("range", "bytes=0-3")]).await?;
    assert_eq!((part.status, part.body.as_ref()), (206, &GZIP[..4]), "{}", part.headers_text());
    assert_eq!(part.header("content-encoding"), "gzip");
    for more in [&[("range", "bytes=0-3")][..], &[("range", "bytes=0-3"), ("if-range", "\"zip\"")]]
    {
        let whole = ask(&site, "identity", more).await?;
        assert_eq!((whole.status, whole.text()), (200, TEXT.into()), "{}", whole.headers_text());
        assert_eq!(whole.header("content-range"), "");
    }
    let request = site.request("HEAD", 0, "/zip").header("accept-encoding", "identity");
    let head = answer(request).await?;
    assert!(head.is_hit() && head.body.is_empty(), "{}", head.headers_text());
    assert_eq!((head.header("etag"), head.header("content-encoding")), ("W/\"zip\"", ""));
    assert!(!["0", "30"].contains(&head.header("content-length")), "{}", head.headers_text());
    asked_exactly(&site, "/zip", 1);
    Ok(())
}

/// The client whose request fills the cache gets what it can take, too.
#[tokio::test]
async fn the_first_client_gets_what_it_can_take() -> Result<()> {
    let site = Site::strict(zipped("gzip", GZIP))?;
    let first = ask(&site, "identity", &[]).await?;
    assert!(first.says("stored"), "{}", first.headers_text());
    assert_eq!((first.text(), first.header("content-encoding")), (TEXT.into(), ""));
    warm(&site, "gzip").await?;
    assert_eq!(ask(&site, "gzip", &[]).await?.body.as_ref(), GZIP);
    asked_exactly(&site, "/zip", 1);
    Ok(())
}

/// What can't be decoded here, or must not be, is left to the origin.
#[tokio::test]
async fn what_cannot_be_decoded_is_left_to_the_origin() -> Result<()> {
    for (coding, control) in [("br", "max-age=600"), ("gzip", "max-age=600, no-transform")] {
        let site = Site::strict(move |seen| match seen.header("accept-encoding") {
            "identity" => Reply::ok(TEXT).header("cache-control", control),
            _ => {
                Reply::ok(GZIP).header("content-encoding", coding).header("cache-control", control)
            }
        })?;
        warm(&site, coding).await?;
        let fetches = site.fetches("/zip");
        let plain = ask(&site, "identity", &[]).await?;
        assert_eq!(plain.text(), TEXT, "{}", plain.headers_text());
        assert!(plain.says("detail=coding"), "{}", plain.headers_text());
        let coded = ask(&site, coding, &[]).await?;
        assert!(coded.is_hit() && coded.body.as_ref() == GZIP, "{}", coded.headers_text());
        asked_exactly(&site, "/zip", fetches + 1);
    }
    Ok(())
}

fn zipped(
    coding: &'static str,
    bytes: &'static [u8],
) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    move |_| {
        page(1)
            .body(bytes)
            .header("content-encoding", coding)
            .header("etag", "\"zip\"")
            .header("accept-ranges", "bytes")
            .header("content-digest", "sha-256=:AAAA:")
    }
}

async fn ask(site: &Site, accepted: &str, more: &[(&str, &str)]) -> Result<Answer> {
    let request = site.request("GET", 0, "/zip").header("accept-encoding", accepted);
    answer(more.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

async fn warm(site: &Site, accepted: &str) -> Result<()> {
    xtask::harness::eventually("it is a hit", crate::site::PATIENCE, async || {
        ask(site, accepted, &[]).await.is_ok_and(|answered| answered.is_hit())
    })
    .await
}

const TEXT: &str = "breadboxbreadboxbreadbox";

/// The text, as gzip.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0x2a, 0x4a, 0x4d, 0x4c, 0x49,
    0xca, 0xaf, 0x48, 0x42, 0xa3, 0x01, 0x96, 0xb5, 0xf4, 0x84, 0x18, 0x00, 0x00, 0x00,
];

/// The text, as zlib.
const DEFLATE: &[u8] = &[
    0x78, 0xda, 0x4b, 0x2a, 0x4a, 0x4d, 0x4c, 0x49, 0xca, 0xaf, 0x48, 0x42, 0xa3, 0x01, 0x7a, 0x37,
    0x09, 0xd6,
];
