// An operator at /api/v1/cache/ui/.

import { join } from "node:path";

import { axe } from "./axe.js";
import {
  ensure, edge, equal, eventually, health, part, person, token, verdict,
} from "./browser.js";

export const UI = "/api/v1/cache/ui/";

export function* play(browser) {
  let operator;
  yield ["shows figures of what was asked", async () => {
    operator = await person(browser);
    await figures(operator);
  }];
  yield ["is protected by a policy for its content", () => policy(operator)];
  yield ["reaches every control by keyboard", () => controls(operator)];
  yield ["complains of what is missing or wrong", () => complaints(operator)];
  yield ["purges by tag, by keyboard alone", () => byTag(operator)];
  yield ["purges hard, by URL, prefix and pattern", () => others(operator)];
  yield ["says that Redis is down, and when it is back", () => redisDown(operator)];
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

/** Walks with Tab until the focus has been everywhere. */
async function controls(operator) {
  const { page } = operator;
  await operator.visit(UI);
  const wanted = await page.evaluate(() => {
    const all = document.querySelectorAll("a[href], button, input, select, textarea, [tabindex]");
    const seen = [...all].filter((it) => it.checkVisibility());
    for (const [n, it] of seen.entries()) it.dataset.stop = n;
    return seen.map((it) => it.id || it.value || it.textContent);
  });
  ensure(wanted.length >= 6, `only ${wanted.length} controls were found`);
  const reached = new Set();
  const walk = async (key) => {
    for (let step = 0; step <= wanted.length; step += 1) {
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

async function complaints(operator) {
  const { page } = operator;
  await operator.visit(UI);
  await page.locator("#send").click();
  await page.locator("#values-wrong", { hasText: "Nothing to purge" }).waitFor();
  await page.locator("#values").fill("builds");
  await page.locator("#send").click();
  await page.locator("#token-wrong", { hasText: "A token is needed" }).waitFor();
  operator.content();
  await page.locator("#token").fill("wrong");
  await page.locator("#send").click();
  await page.locator("#token-wrong", { hasText: /\w/ }).waitFor();
  equal(await page.locator("#token").getAttribute("aria-invalid"), "true", "the token's state");
  operator.forgive(/status of 40[13]/);
  await page.locator("#values").fill("a tag with spaces, and\tmore");
  await axe(operator, "the page with complaints");
}

async function byTag(operator) {
  const { page } = operator;
  await operator.visit("/builds/1");
  await operator.stored();
  await operator.visit(UI);
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await page.locator("#kind").focus();
  await press("Tab");
  await page.keyboard.type("build:1");
  await press("Tab", "Tab");
  await page.keyboard.type(token);
  await press("Enter");
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
    equal(await page.locator("#token").inputValue(), token, "the token that this tab keeps");
    await page.locator("#kind").selectOption(kind);
    await page.locator("#values").fill(value);
    await page.getByLabel("Hard").check();
    await page.locator("#send").click();
    await page.locator("#outcome", { hasText: /^Purged hard: / }).waitFor();
    await purgedSince(operator, Date.now(), (told) => told.fwd);
  }
  operator.content();
}

async function redisDown(operator) {
  const { page } = operator;
  await operator.visit(UI);
  await page.locator("#redis-state", { hasText: "Connected" }).waitFor();
  await part("redis", "stop");
  await page.locator("#redis-state", { hasText: "Down" }).waitFor();
  await page.locator("#notice", { hasText: "Redis can’t be reached" }).waitFor();
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
  await page.reload();
  equal(await page.locator("#token").inputValue(), "", "the token after loading again");
  const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length]);
  equal(kept, [0, 0], "what is left in the browser's storage");
  await operator.leave();
}

const STALE = ["stale", "soft-purged"];
