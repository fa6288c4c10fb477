// A reader walks through the sample site.

import { ensure, equal, originRequests, person, verdict } from "./browser.js";

export function* play(browser) {
  for (const [name, path] of PAGES) {
    yield [`${name}: loads, and the second load is a hit`, () => twice(browser, path)];
  }
  yield ["a walk by links", () => walk(browser)];
  yield ["/me stays with its reader", () => privately(browser)];
}

async function twice(browser, path) {
  const reader = await person(browser);
  const { page } = reader;
  const first = verdict(await reader.visit(path));
  ensure(first.fwd, `the first load of ${path} did not ask the origin: ${JSON.stringify(first)}`);
  ensure(await page.locator("main h1").isVisible(), `${path} shows no title`);
  await reader.stored();
  const before = await originRequests();
  const second = verdict(await reader.visit(path));
  ensure(second.hit, `the second load of ${path} was no hit: ${JSON.stringify(second)}`);
  // The page asks the cache about itself, and shows the answer.
  await page.locator("#verdict[data-kind=hit]").waitFor();
  equal(await originRequests(), before, "requests at the origin after the second load");
  await reader.leave();
}

async function walk(browser) {
  const reader = await person(browser);
  const { page } = reader;
  await reader.visit("/");
  await reader.follow(page.getByRole("link", { name: "Browse builds" }));
  await reader.follow(page.locator(".card a.cover").first());
  const title = await page.locator("main h1").textContent();
  equal(await page.title(), `${title} · Embervault`, "title of the build's page");
  await reader.follow(page.locator(".byline a").first());
  await reader.follow(page.getByRole("link", { name: "Classes" }));
  await page.goBack();
  await reader.leave();
}

async function privately(browser) {
  const [owner, other] = [await person(browser), await person(browser)];
  await owner.visit("/me");
  const choice = owner.page.locator("#user option").nth(2);
  const name = await choice.textContent();
  await owner.page.locator("#user").selectOption(await choice.getAttribute("value"));
  await owner.follow(owner.page.getByRole("button", { name: "Continue" }));
  for (let load = 0; load < 2; load += 1) {
    const response = await owner.visit("/me");
    equal(verdict(response).fwd, "bypass", "Cache-Status of /me");
    ensure(response.headers()["cache-control"].includes("private"), "/me is not marked private");
    equal(await owner.page.locator("h1").textContent(), `Hello, ${name}`, "greeting");
  }
  equal(verdict(await other.visit("/me")).fwd, "bypass", "Cache-Status of /me");
  const greeting = await other.page.locator("h1").textContent();
  equal(greeting, "Who are you today?", "a stranger's greeting");
  // A page for all is kept, whoever asked for it, and hands on nobody's cookies.
  await owner.visit("/builds/7");
  await owner.stored();
  const shared = await other.visit("/builds/7");
  ensure(verdict(shared).hit, "a page that another reader loaded is no hit");
  equal(await shared.headerValue("set-cookie"), null, "Set-Cookie of a shared page");
  await owner.leave();
  await other.leave();
}

const PAGES = [
  ["home", "/"],
  ["listing", "/builds?sort=newest"],
  ["detail", "/builds/1"],
  ["class", "/classes/warden"],
  ["user", "/users/1"],
];
