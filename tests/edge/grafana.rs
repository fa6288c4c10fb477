//! The dashboard for Grafana: what an import looks at, and that each query finds something.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::harness::{ADMIN, Spec, client, eventually, free_port};
use xtask::origin::{Reply, Seen};
use xtask::tools;

use crate::site::{PATIENCE, Site, answer, page, set, stale_page};
use crate::warming;

const DASHBOARD: &str = include_str!("../../docs/grafana.json");

/// Each query of the dashboard, with its panel's title.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().into_iter().flatten();
    let queries = panels.flat_map(|panel| {
        let title = panel["title"].as_str().unwrap_or_default();
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(move |target| (title.to_owned(), text(&target["expr"])))
    });
    queries.collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Grafana asks for each input, puts the answer in its place, and lays panels out by their grid.
#[test]
fn the_dashboard_can_be_imported() -> Result<()> {
    let dashboard: Value = serde_json::from_str(DASHBOARD)?;
    for field in ["title", "uid", "schemaVersion", "time", "templating", "annotations"] {
        ensure!(!dashboard[field].is_null(), "{field} is missing");
    }
    ensure!(dashboard["id"].is_null(), "an id is another dashboard's on import");
    let inputs = dashboard["__inputs"].as_array().context("inputs")?;
    let known: BTreeSet<String> = inputs.iter().map(|input| text(&input["name"])).collect();
    let used: BTreeSet<String> = DASHBOARD
        .split("\"${")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
        .collect();
    assert_eq!(used, known, "inputs that are asked for and used");
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().context("panels")? {
        let title = text(&panel["title"]);
        ensure!(ids.insert(panel["id"].as_u64()), "{title}: its id is taken");
        ensure!(["stat", "timeseries"].contains(&panel["type"].as_str().unwrap_or("")), "{title}");
        let place = |name: &str| panel["gridPos"][name].as_u64().context(title.clone());
        let (x, y, w, h) = (place("x")?, place("y")?, place("w")?, place("h")?);
        ensure!(x + w <= 24 && w > 0 && h > 0, "{title}: it is out of the grid");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            ensure!(cells.insert(cell), "{title}: it covers another");
        }
        let targets = panel["targets"].as_array().context("targets")?;
        let refs: BTreeSet<String> = targets.iter().map(|target| text(&target["refId"])).collect();
        ensure!(!targets.is_empty() && refs.len() == targets.len(), "{title}: its queries");
    }
    Ok(())
}

/// Each metric that the dashboard asks for is told by the edge.
#[tokio::test]
async fn the_dashboard_asks_for_metrics_that_are_told() -> Result<()> {
    let site = Site::strict(|_| page(1))?;
    site.warm(0, "/page").await?;
    let told = site.get(0, METRICS).await?.text();
    for (title, query) in queries(&serde_json::from_str(DASHBOARD)?) {
        for name in query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let plain = name.trim_end_matches("_bucket");
            let known = told.contains(&format!("# TYPE {plain} "));
            assert!(known || !name.starts_with("breadbox_"), "{title}: nobody tells {name}");
        }
    }
    Ok(())
}

/// A running Prometheus that asks an edge each second; it ends with this.
struct Prometheus {
    process: Child,
    url: String,
}

impl Prometheus {
    fn start(program: &Path, site: &Site) -> Result<Self> {
        let home = site.edge.logs().join("prometheus");
        std::fs::create_dir_all(&home)?;
        let edge = site.edge.url(0).trim_start_matches("http://");
        let settings = format!(
            "scrape_configs:\n- job_name: breadbox\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  \
             metrics_path: {METRICS}\n  static_configs: [{{ targets: [\"{edge}\"] }}]\n"
        );
        let config = home.join("prometheus.yml");
        std::fs::write(&config, settings)?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let process = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", home.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()
            .context("prometheus does not start")?;
        Ok(Self { process, url: format!("http://{address}/api/v1/query") })
    }

    /// The values that a query finds now, and what is wrong with it.
    async fn ask(&self, query: &str) -> Result<Vec<f64>> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let asked = client().get(format!("{}?query={encoded}", self.url));
        let told = answer(asked).await?.json()?;
        ensure!(told["status"] == "success", "{told}");
        let samples = told["data"]["result"].as_array().into_iter().flatten();
        let value = |sample: &Value| text(&sample["value"][1]).parse().ok();
        Ok(samples.filter_map(value).collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a site does whose dashboard has something to show in each panel.
async fn busy(site: &Site, round: usize) -> Result<()> {
    for n in 0..20 {
        let paths = ["/page", "/stale", "/changing", "/broken"].map(str::to_owned);
        for path in paths.into_iter().chain([format!("/{round}/{n}")]) {
            let _ = answer(site.request("GET", n, &path).header("accept-encoding", "gzip")).await;
        }
    }
    site.purge(r#"{"tags":["news"]}"#).await?;
    let job = format!(r#"{{"urls":["/warmed/{round}"],"replace":true}}"#);
    warming::order(site, ADMIN, "POST", "", &job).await.map(drop)
}

#[tokio::test]
async fn a_real_prometheus_answers_each_query_of_the_dashboard() -> Result<()> {
    let [program, promtool] =
        ["prometheus", "promtool"].map(|name| tools::debian("prometheus", name));
    let version = AtomicUsize::new(1);
    let script = move |seen: &Seen| match seen.path.as_str() {
        "/stale" => stale_page(1),
        "/changing" => {
            stale_page(version.fetch_add(1, Ordering::Relaxed)).header("cache-tag", "news")
        }
        "/broken" => Reply::close(),
        "/page" => {
            page(1).body("a line of text\n".repeat(200)).header("content-type", "text/plain")
        }
        _ => page(1).header("link", "</page>; rel=next"),
    };
    let rules = "[[rule]]\nmatch = \"/**\"\ncompress = true\nprefetch = 1\n".to_owned();
    let change = |spec| set(Spec { isolates: 2, processes: 1, rules, ..spec }, "NEAR", "platform");
    let site = Site::with(script, change)?;
    let prometheus = Prometheus::start(&program?, &site)?;
    let dashboard = serde_json::from_str(DASHBOARD)?;
    let (mut asked, mut missing) = (0, Vec::new());
    let found = eventually("each query finds something", PATIENCE * 2, async || {
        let _ = busy(&site, asked).await;
        asked += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
        missing.clear();
        for (title, query) in queries(&dashboard) {
            let query = query.replace("$__rate_interval", "15s").replace("$__range", "1m");
            let values = prometheus.ask(&query).await;
            if !values.as_ref().is_ok_and(|v| !v.is_empty() && v.iter().any(|v| v.is_finite())) {
                missing.push(format!("{title}: {query}: {values:?}"));
            }
        }
        missing.is_empty()
    });
    found.await.with_context(|| missing.join("\n"))?;
    let metrics = site.edge.logs().join("metrics.txt");
    std::fs::write(&metrics, site.get(0, METRICS).await?.body)?;
    let mut check = Command::new(promtool?);
    check.args(["check", "metrics"]).stdin(std::fs::File::open(&metrics)?);
    let checked = check.output()?;
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && said.is_empty(), "promtool: {said}");
    Ok(())
}

const METRICS: &str = "/api/v1/cache/metrics";
