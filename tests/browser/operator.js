// An operator at /api/v1/cache/ui/.

import { join } from "node:path";

import { axe } from "./axe.js";
import {
  ensure, edge, equal, eventually, health, part, person, purge, token, verdict,
} from "./browser.js";

export const UI = "/api/v1/cache/ui/";

export function* play(browser) {
  let operator;
  yield ["shows figures of what was asked", async () => {
    operator = await person(browser);
    await figures(operator);
  }];
  yield ["is protected by a policy for its content", () => policy(operator)];
  yield ["complains of what is missing or wrong", () => complaints(operator)];
  yield ["opens what only a token shows", () => signIn(operator)];
  yield ["reaches every control by keyboard", () => controls(operator)];
  yield ["shows what is hot, in every order", () => hot(operator)];
  yield ["shows which lifetimes suit the content", () => lifetimes(operator)];
  yield ["shows what happens, until it is paused", () => live(operator)];
  yield ["shows every range of time", () => ranges(operator)];
  yield ["says why a URL is not cached, on six causes", () => causes(operator)];
  yield ["purges by tag, by keyboard alone, after a preview", () => byTag(operator)];
  yield ["purges hard, by URL, prefix and pattern", () => others(operator)];
  yield ["warms pages, and only this site's, until it is stopped", () => warm(operator)];
  yield ["says that Redis is down, and when it is back", () => redisDown(operator)];
  yield ["bears empty and huge figures", () => extremes(operator)];
  yield ["says that it can't read the figures", () => offline(operator)];
  yield ["forgets the token", () => forget(operator)];
}

async function figures(operator) {
  const { page } = operator;
  for (const path of ["/", "/builds/1", "/me"]) {
    await operator.visit(path);
    if (path !== "/me") await operator.stored();
    await operator.visit(path);
  }
  await operator.visit(UI);
  await page.locator("#redis-state", { hasText: "Connected" }).waitFor();
  for (const name of ["hit", "miss", "bypass"]) {
    await page.locator("#verdicts tbody tr", { hasText: new RegExp(`^${name}`) }).waitFor();
  }
  await page.locator("#rate", { hasText: /%$/ }).waitFor();
  await page.locator("#spared", { hasText: /%$/ }).waitFor();
  await page.locator("#cost", { hasText: /^\d/ }).waitFor();
  // A rate of a few requests would be that of the looks at this page.
  await page.locator("#cost-detail", { hasText: "so far" }).waitFor();
  await page.locator("#tiers tbody tr", { hasText: /^Redis\d/ }).waitFor();
  await page.locator("#tiers tbody tr", { hasText: /^Memory\d/ }).waitFor();
  await page.locator("#leases", { hasText: /[1-9]\d* granted/ }).waitFor();
  equal(await page.locator(".signed").first().isVisible(), false, "what needs a token is shown");
  // What it shows is what the report says, by the time both have been read with nothing between.
  await eventually("the page shows the report's figures", async () => {
    const { requests } = await health();
    const row = page.locator("#verdicts tbody tr", { hasText: /^bypass/ });
    return requests.bypass > 0 &&
      Number((await row.locator(".number").textContent()).replaceAll(",", "")) === requests.bypass;
  });
  operator.content();
}

async function policy(operator) {
  const response = await operator.visit(UI);
  const field = response.headers()["content-security-policy"] ?? "";
  ensure(field.includes("default-src 'self'"), `Content-Security-Policy: ${field}`);
  equal(response.headers()["x-content-type-options"], "nosniff", "X-Content-Type-Options");
  operator.content();
  // It is in force: what the page may not do is reported, and reaches nobody.
  await operator.page.evaluate(() => {
    const image = new Image();
    image.src = "https://elsewhere.invalid/pixel.png";
  });
  await eventually("the violation is reported", () => operator.wrong.some((it) => /CSP/.test(it)));
  operator.forgive(/elsewhere\.invalid|Content Security Policy/);
}

async function complaints(operator) {
  const { page } = operator;
  await operator.visit(UI);
  await page.locator("#send").click();
  await page.locator("#values-wrong", { hasText: "Nothing to purge" }).waitFor();
  await page.locator("#values").fill("builds");
  await page.locator("#preview").click();
  await page.locator("#matches", { hasText: "with a token" }).waitFor();
  await page.locator("#send").click();
  await page.locator("#token-wrong", { hasText: "A token is needed" }).waitFor();
  await page.locator("#sign-in").click();
  await page.locator("#token-wrong", { hasText: "A token is needed" }).waitFor();
  operator.content();
  await page.locator("#token").fill("wrong");
  await page.locator("#sign-in").click();
  await page.locator("#token-wrong", { hasText: "valid token" }).waitFor();
  equal(await page.locator("#token").getAttribute("aria-invalid"), "true", "the token's state");
  operator.forgive(/status of 40[13]/);
  await axe(operator, "the page with complaints");
}

async function signIn(operator) {
  const { page } = operator;
  await page.locator("#token").fill(token);
  await page.locator("#token").press("Enter");
  await page.locator("#top tbody tr").first().waitFor();
  await page.locator("#live tbody tr").first().waitFor();
  equal(await page.locator("#token-wrong").textContent(), "", "a complaint about the token");
  await page.reload();
  await page.locator("#top tbody tr").first().waitFor();
  equal(await page.locator("#token").inputValue(), token, "the token that this tab keeps");
  await axe(operator, "the page with all its parts");
  operator.content();
}

/** Walks with Tab until the focus has been everywhere. */
async function controls(operator) {
  const { page } = operator;
  await page.locator("#pause").click();
  const wanted = await page.evaluate(() => {
    const all = document.querySelectorAll(
      "a[href], button, input, select, textarea, summary, [tabindex]",
    );
    // The rows of what is hot are made anew every few seconds, buttons and all.
    const seen = [...all].filter((it) => it.checkVisibility() && !it.closest("#top tbody"));
    for (const [n, it] of seen.entries()) it.dataset.stop = n;
    return seen.map((it) => it.id || it.value || it.ariaLabel || it.textContent);
  });
  ensure(wanted.length >= 20, `only ${wanted.length} controls were found`);
  const reached = new Set();
  const walk = async (key) => {
    for (let step = 0; step <= wanted.length + 80; step += 1) {
      await page.keyboard.press(key);
      const stop = await page.evaluate(() => {
        const focused = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(focused);
        const marked = outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2;
        return { at: focused.dataset.stop, marked };
      });
      if (stop.at === undefined) continue;
      ensure(stop.marked, `the focus does not show at ${wanted[stop.at]}`);
      reached.add(Number(stop.at));
    }
  };
  await walk("Tab");
  // Radio buttons are one stop for Tab; arrows lead from one to the other.
  await page.locator("[name=strength]:checked").focus();
  await page.keyboard.press("ArrowDown");
  reached.add(await page.evaluate(() => Number(document.activeElement.dataset.stop)));
  const missed = wanted.filter((_, n) => !reached.has(n));
  equal(missed, [], "controls that the keyboard does not reach");
  operator.content();
}

async function hot(operator) {
  const { page } = operator;
  await operator.visit(UI);
  const rows = page.locator("#top tbody tr");
  for (const [subject, text] of [["urls", "/builds/1"], ["tags", "build:1"], ["rules", "/me"]]) {
    await page.locator("#subject").selectOption(subject);
    for (const rank of ["byRequests", "byMisses", "byBytes"]) {
      await page.locator("#rank").selectOption(rank);
      await rows.first().waitFor();
    }
    await page.locator("#rank").selectOption("byRequests");
    await rows.filter({ hasText: text }).first().waitFor();
  }
  await page.locator("#subject").selectOption("urls");
  await rows.filter({ hasText: "/builds/1" }).first().getByRole("button").click();
  await page.locator("#explanation .verdict", { hasText: "hit" }).waitFor();
  await page.locator("#explanation dd", { hasText: "build:1" }).waitFor();
  operator.content();
}

async function lifetimes(operator) {
  const { page } = operator;
  await operator.visit("/classes");
  await operator.stored();
  // Who insists on it has what is stored compared with the origin's.
  await page.evaluate(() => fetch("/classes", { headers: { "cache-control": "no-cache" } }));
  await operator.visit(UI);
  const rows = page.locator("#lifetimes tbody tr");
  await rows.filter({ hasText: /\/classes\d+ comparison/ }).first().waitFor();
  const report = await health();
  report.lifetimes = [{
    rule: 0, auto: false, checks: 1, silentChanges: 1, announcedChanges: 2,
    advice: { ttlNow: 60, ttl: 360, fetchesSaved: 0.71, staleNow: 0.008, staleThen: 0.047 },
  }];
  const reports = "**/api/v1/cache";
  await page.route(reports, (route) => route.fulfill({ json: { success: true, data: report } }));
  await rows.filter({ hasText: "no rule" }).waitFor();
  const words = (await rows.first().innerText()).replaceAll(/\s+/g, " ");
  const wanted = "no rule 1 comparison: 1 change, and 2 that were purged 60 s 6 min −71.0% 0.8% → 4.7%";
  equal(words, wanted, "the row of a rule");
  await page.unroute(reports);
  operator.content();
}

async function live(operator) {
  const { page } = operator;
  await operator.visit(UI);
  await page.locator("#live tbody tr").first().waitFor();
  await purge({ tags: ["live-of-the-test"], soft: true });
  await eventually("the purge is shown", async () => {
    // Something has to be counted for a flush to go.
    await page.evaluate(() => fetch("/builds/2").then((response) => response.text()));
    return page.locator("#live tbody tr", { hasText: "live-of-the-test" }).count();
  });
  await page.locator("#pause").click();
  equal(await page.locator("#pause").getAttribute("aria-pressed"), "true", "Pause");
  await page.locator("#pause").click();
  equal(await page.locator("#pause").getAttribute("aria-pressed"), "false", "Pause, again");
  operator.content();
}

async function ranges(operator) {
  const { page } = operator;
  await operator.visit(UI);
  for (const [range, name] of [["day", "day"], ["month", "month"], ["hour", "hour"]]) {
    await page.locator("#range").selectOption(range);
    await page.locator("#traffic-words", { hasText: `last ${name}` }).waitFor();
    await page.locator("#traffic-chart canvas").waitFor();
  }
  await page.locator("#charts summary").click();
  await page.locator("#series tbody tr").first().waitFor();
  await axe(operator, "the page with its series as a table");
  operator.content();
}

/** What a newcomer would try: each cause is told by the page alone. */
async function causes(operator) {
  const { page } = operator;
  await operator.visit("/builds/3");
  await operator.stored();
  await operator.visit(UI);
  await page.locator("#look-title").waitFor();
  await explained(operator, "/builds/3", "", /^hit/, "it is fresh");
  await explained(operator, "/me", "", /^bypass, rule/, "put a narrower one above it");
  await explained(operator, "/builds/2999", "", /^miss, absent/, "nobody has asked for this URL");
  await explained(operator, "/builds/3", "Cache-Control: no-cache",
    /request-no-cache/, "The client asks for this");
  await explained(operator, "/no/such/page", "", /^miss, no-store/, "The origin forbids it");
  await purge({ urls: [`${edge}/builds/3`] });
  await eventually("the purge is seen", async () => {
    await explained(operator, "/builds/3", "", /./, "");
    const said = await page.locator("#explanation").textContent();
    return /Somebody has purged it/.test(said) && /purged/.test(await page.locator("#explanation .verdict").textContent());
  });
  await part("origin", "stop");
  await explained(operator, "/builds/2998", "", /^error, origin-unreachable/, "Look after the origin");
  await part("origin", "start");
  await page.locator("#explanation summary").click();
  const [file] = await Promise.all([
    page.waitForEvent("download"), page.getByRole("link", { name: "Download it" }).click(),
  ]);
  equal(file.suggestedFilename(), "breadbox-record.json", "the record's name");
  await page.locator("#url").fill("");
  await page.locator("#explain").click();
  await page.locator("#url-wrong", { hasText: "Which URL" }).waitFor();
  await page.locator("#url").fill("/x");
  await page.locator("#fields").fill("no colon");
  await page.locator("#explain").click();
  await page.locator("#fields-wrong", { hasText: "a colon" }).waitFor();
  operator.forgive(/status of 400/);
  await page.locator("#fields").fill("");
  await page.locator("#probe").uncheck();
  await page.locator("#explain").click();
  await page.locator("#explanation", { hasText: "goes to the origin" }).waitFor();
  await axe(operator, "the page with an explanation");
  operator.content();
}

async function explained(operator, path, fields, told, why) {
  const { page } = operator;
  await page.locator("#url").fill(path);
  await page.locator("#fields").fill(fields);
  const answered = page.waitForResponse((response) => response.url().includes("/entries?"));
  await page.locator("#explain").click();
  await answered;
  await page.locator("#explanation .verdict", { hasText: told }).waitFor();
  await page.locator("#explanation", { hasText: why }).waitFor();
  const words = (await page.locator("#explanation .verdict").textContent()).replaceAll(/\W+/g, "-");
  const file = join(process.env.SHOTS, `why-${words}.png`);
  await page.locator("section", { has: page.locator("#look") }).screenshot({ path: file });
}

async function byTag(operator) {
  const { page } = operator;
  await operator.visit("/builds/1");
  await operator.stored();
  await operator.visit(UI);
  await page.locator("#top tbody tr").first().waitFor();
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await page.locator("#kind").focus();
  await press("Tab");
  await page.keyboard.type("build:1");
  await press("Tab", "Tab", "Enter");
  await page.locator("#matches", { hasText: "1 tag on answers" }).waitFor();
  await press("Tab", "Enter");
  await page.locator("#outcome", { hasText: /^Purged softly: build:1 \(purge \d+\)/ }).waitFor();
  await page.locator("#outcome", { hasText: "Visible everywhere within" }).waitFor();
  const path = join(process.env.SHOTS, "operator-purged.png");
  await page.screenshot({ path, fullPage: true, animations: "disabled" });
  await purgedSince(operator, Date.now(), (told) => STALE.includes(told.detail) || told.fwd);
  operator.content();
}

/** A load that begins later than the bound after the purge is not answered as before it. */
async function purgedSince(operator, since, wanted) {
  const { visibilityMs } = (await health()).purge;
  for (;;) {
    const late = Date.now() - since;
    const told = verdict(await operator.visit("/builds/1"));
    if (wanted(told)) return;
    ensure(late <= visibilityMs, `after ${late} ms still ${JSON.stringify(told)}`);
  }
}

async function others(operator) {
  const { page } = operator;
  const orders = [
    ["urls", `${edge}/builds/1`],
    ["prefixes", `${new URL(edge).host}/builds/`],
    ["patterns", "build:*"],
  ];
  for (const [kind, value] of orders) {
    await operator.visit("/builds/1");
    await operator.stored();
    await operator.visit(UI);
    await page.locator("#top tbody tr").first().waitFor();
    await page.locator("#kind").selectOption(kind);
    await page.locator("#values").fill(value);
    await page.locator("#preview").click();
    await page.locator("#matches", { hasText: /it matches \d/ }).waitFor();
    await page.getByLabel("Hard").check();
    await page.locator("#send").click();
    await page.locator("#outcome", { hasText: /^Purged hard: / }).waitFor();
    await purgedSince(operator, Date.now(), (told) => told.fwd);
  }
  operator.content();
}

async function warm(operator) {
  const { page } = operator;
  await operator.visit(UI);
  await page.locator("#top tbody tr").first().waitFor();
  const told = (text) => page.locator("#warmed", { hasText: text }).waitFor();
  await page.locator("#heat").click();
  await page.locator("#paths-wrong", { hasText: "Nothing to warm" }).waitFor();
  await page.locator("#paths").fill("/builds/4\nhttps://elsewhere.test/");
  await page.locator("#heat").click();
  await page.locator("#paths-wrong", { hasText: "not a page of this site" }).waitFor();
  await purge({ urls: [`${edge}/builds/4`, `${edge}/builds/5`] });
  await page.locator("#paths").fill("/builds/4\n/builds/5\n/builds/4");
  await page.locator("#heat").click();
  await told("2 of 2 pages: 2 stored, 0 there already. Done.");
  await eventually("a warm page is there already", async () => {
    await page.locator("#heat").click();
    await told("Done.");
    return /2 there already/.test(await page.locator("#warmed").textContent());
  });
  await page.locator("#hottest").click();
  ensure((await page.locator("#paths").inputValue()).includes("/builds/1"), "it knows no hot page");
  await page.locator("#paths").fill([...Array(60).keys()].map((n) => `/builds?n=${n}`).join("\n"));
  await page.locator("#pace").selectOption("1");
  await page.locator("#heat").click();
  await told("1 of 60 pages");
  await page.locator("#stop").click();
  await told("Stopped.");
  await page.locator("#paths").fill("/builds/14\n/builds/15");
  await page.locator("#hand").click();
  await page.locator("#job", { hasText: "The edge warms: 2 of 2, done; 2 stored" }).waitFor();
  operator.content();
  await axe(operator, "the page after warming");
}

async function redisDown(operator) {
  const { page } = operator;
  await operator.visit(UI);
  await page.locator("#redis-state", { hasText: "Connected" }).waitFor();
  await part("redis", "stop");
  await page.locator("#redis-state", { hasText: "Down" }).waitFor();
  // What the page was asking for in that moment.
  operator.excuse(/50\d/);
  await page.locator("#notice", { hasText: "Redis can’t be reached" }).waitFor();
  await page.locator("#notice", { hasText: "one isolate" }).waitFor();
  operator.content();
  await axe(operator, "the page while Redis is down");
  await page.locator("#values").fill("builds");
  await page.locator("#send").click();
  await page.locator("#outcome.bad", { hasText: "Not purged" }).waitFor();
  operator.forgive(/50\d/);
  await part("redis", "start");
  await page.locator("#redis-state", { hasText: "Connected" }).waitFor();
  await page.locator("#notice").waitFor({ state: "hidden" });
  operator.content();
}

/** The page makes no zero of what is missing, and holds what is too long. */
async function extremes(operator) {
  const { page } = operator;
  const reports = "**/api/v1/cache";
  const stats = "**/api/v1/cache/stats?*";
  const answer = (data) => (route) => route.fulfill({ json: { success: true, data } });
  await page.route(reports, answer({}));
  await page.route(stats, answer({ now: Date.now() }));
  await operator.visit(UI);
  await page.locator("#redis-state", { hasText: "Not known" }).waitFor();
  for (const id of ["rate", "spared", "cost"]) {
    equal(await page.locator(`#${id}`).textContent(), "–", `#${id} without figures`);
  }
  await page.locator("#top-words", { hasText: "Nothing has been counted" }).waitFor();
  await page.locator("#live-missing").waitFor();
  await page.locator("#lifetimes-missing").waitFor();
  await page.locator("#time-missing").waitFor();
  await axe(operator, "the page without figures");
  await page.unroute(reports);
  await page.unroute(stats);
  await page.route(reports, answer(HUGE_REPORT));
  await page.route(stats, answer(hugeStats()));
  await page.setViewportSize({ width: 390, height: 844 });
  await operator.visit(UI);
  await page.locator("#rate", { hasText: "100.0%" }).waitFor();
  await page.locator("#cost-detail", { hasText: "per 1000 requests; " }).waitFor();
  await page.locator("#top tbody tr").nth(59).waitFor();
  const [wide, room] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  ensure(wide <= room, `with huge figures the page is ${wide} wide on a phone of ${room}`);
  await axe(operator, "the page with huge figures");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.unroute(reports);
  await page.unroute(stats);
  operator.content();
}

function hugeStats() {
  const now = Date.now();
  const row = (n) => ({
    label: `https://${"x".repeat(180)}.example/${n}`, requests: 9e15, misses: 9e15, bytes: 9e15,
    verdicts: { hit: 9e15 },
  });
  const rows = Array.from({ length: 60 }, (_, n) => row(n));
  const ranks = { byRequests: rows, byMisses: rows, byBytes: rows };
  return {
    now, counted: "all", isolates: 1e6, since: now - 1e6, rules: [],
    families: [{ name: "requests", labels: ["verdict"], values: [["hit"], ["miss"]] }],
    totals: [9e15, 1e15],
    minutes: Array.from({ length: 1440 }, (_, n) => [now - (1440 - n) * 60_000, n * 6e12, n]),
    hours: [],
    top: { urls: ranks, tags: ranks, rules: ranks },
    requests: Array.from({ length: 100 }, (_, n) => ({
      at: now - n, verdict: "hit", reason: "", source: "shared", status: "200", took: "1e9",
      rule: "1", url: `https://${"y".repeat(300)}.example/`,
    })),
    purges: [{ at: now, token: "t".repeat(60), sequence: "9", records: "z".repeat(400) }],
  };
}

async function offline(operator) {
  const { page } = operator;
  await operator.visit(UI);
  await page.locator("#redis-state", { hasText: "Connected" }).waitFor();
  await page.context().setOffline(true);
  await page.locator("#freshness", { hasText: "Out of date" }).waitFor();
  await page.locator("#notice", { hasText: "can’t be read" }).waitFor();
  await axe(operator, "the page while it is offline");
  operator.forgive(/ERR_INTERNET_DISCONNECTED/);
  await page.context().setOffline(false);
  await page.locator("#freshness", { hasText: "As of" }).waitFor();
  operator.content();
}

async function forget(operator) {
  const { page } = operator;
  await operator.visit(UI);
  await page.locator("#forget").click();
  equal(await page.locator("#token").inputValue(), "", "the token after it was forgotten");
  await page.locator("#top-title").waitFor({ state: "hidden" });
  await page.reload();
  equal(await page.locator("#token").inputValue(), "", "the token after loading again");
  const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length]);
  equal(kept, [0, 0], "what is left in the browser's storage");
  await operator.leave();
}

const STALE = ["stale", "soft-purged"];

const HUGE_REPORT = {
  redis: {
    configured: true, hits: 9e15, misses: 1, hitRate: 1,
    health: { connected: true, latency: 99_999, breaker: "closed" },
  },
  targets: { hitRateTarget: "90%", currentHitRate: "100.0%" },
  requests: { hit: 9e15, miss: 1 },
  origin: { fetches: 1, faults: 0 },
  latency: { redis: { count: 9e15, averageMs: 1e9, p50BelowMs: null, p99BelowMs: null } },
  cost: { redisCommands: 9e15, redisCommandsPer1000Requests: 9e12 },
  counts: { faults: { "redis timeout": 9e15 }, leases: { granted: 9e15 } },
  purge: { visibilityMs: 1000, canary: "survived" },
  lifetimes: [{
    rule: 32, auto: true, checks: 9e15, silentChanges: 9e15, announcedChanges: 9e15,
    advice: { ttlNow: 9e9, ttl: 86_400, fetchesSaved: -9e9, staleNow: 1, staleThen: 0 },
  }],
  counted: "all",
};
