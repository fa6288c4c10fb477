// Chromium with its eyes open: whatever a page complains of, asks for or is answered is noted.

import { chromium } from "playwright-core";

export const edges = setting("EDGES").split(",");
export const edge = edges[0];
export const token = setting("TOKEN");

const origin = setting("ORIGIN");
const door = setting("DOOR");

/** Starts Chromium; a user-data directory of its own is made, and removed in the end. */
export async function open() {
  const args = ["--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run",
    "--disable-background-networking", "--disable-component-update"];
  const executablePath = setting("CHROMIUM");
  return chromium.launch({ executablePath, args, chromiumSandbox: false, headless: true });
}

/** A person with cookies of their own and one tab. */
export async function person(browser, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  const wrong = [];
  await context.exposeBinding("violated", (_, what) => {
    wrong.push(`CSP violation: ${what}`);
  });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.violated(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.on("request", (request) => {
    const { origin: asked, protocol } = new URL(request.url());
    const ours = edges.includes(asked) || protocol === "data:";
    if (!ours) wrong.push(`a request to ${request.url()}`);
  });
  context.on("response", (response) => {
    if (response.status() >= 500) wrong.push(`${response.status()} for ${response.url()}`);
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`thrown: ${error.message}`));
  page.setDefaultTimeout(PATIENCE_MS);
  return new Person(page, wrong);
}

class Person {
  constructor(page, wrong) {
    this.page = page;
    this.wrong = wrong;
  }

  /** Loads a page at an isolate; the answer is its response. */
  async visit(path, at = edge) {
    const response = await this.page.goto(at + path);
    equal(response.status(), 200, `status of ${path}`);
    return response;
  }

  /** Follows a link or a button that leads to another page. */
  async follow(locator) {
    const navigated = this.page.waitForNavigation();
    await locator.click();
    return navigated;
  }

  /**
   * Asks until the cache has the open page: it is stored after the reply. Not by HEAD, which stores
   * nothing: on a busy machine the fetch before may have had no lease, and so no store.
   */
  async stored() {
    await eventually(`${this.page.url()} is stored`, () => this.page.evaluate(async () => {
      const response = await fetch(location.href);
      await response.text();
      return /^Breadbox;[^,]*\bhit\b/.test(response.headers.get("cache-status") ?? "");
    }));
  }

  /** Nothing was complained of, nothing asked of others, no answer was a 5xx. */
  content() {
    equal(this.wrong.join("\n"), "", "complaints");
  }

  /** What was complained of is as it should be in the last step. */
  forgive(pattern) {
    const before = this.wrong.length;
    this.excuse(pattern);
    ensure(this.wrong.length < before, `nobody complained of ${pattern}`);
  }

  /** Lets pass what the page may have complained of. */
  excuse(pattern) {
    const rest = this.wrong.filter((complaint) => !pattern.test(complaint));
    this.wrong.splice(0, this.wrong.length, ...rest);
  }

  async leave() {
    this.content();
    await this.page.context().close();
  }
}

/** What the edge says it did (RFC 9211): its parameters, the key left out. */
export function verdict(response) {
  const field = response.headers()["cache-status"] ?? "";
  const member = field.replaceAll(/;\s*key="(?:\\.|[^"\\])*"/g, "").split(",")
    .map((text) => text.trim()).find((text) => /^Breadbox\b/.test(text));
  ensure(member, `no Cache-Status of Breadbox at ${response.url()}, but ${field || "none"}`);
  const parameters = member.split(";").slice(1).map((text) => text.trim().split("="));
  return Object.fromEntries(parameters.map(([name, value = true]) => [name, value]));
}

/** Stops or starts a part: redis, gateway or origin. */
export async function part(name, deed) {
  const answer = await fetch(`${door}/${name}/${deed}`, { method: "POST" });
  ensure(answer.ok, `${name} ${deed}: ${await answer.text()}`);
}

/** How many requests have come to the origin. */
export async function originRequests() {
  return (await (await fetch(`${origin}/_stats`)).json()).requests;
}

/** The edge's own account of itself. */
export async function health() {
  return (await (await fetch(`${edge}/api/v1/cache`)).json()).data;
}

export async function purge(what) {
  const answer = await fetch(`${edge}/api/v1/cache/purge`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(what),
  });
  ensure(answer.ok, `the purge was answered ${answer.status}: ${await answer.text()}`);
}

/** Asks again and again until it holds. */
export async function eventually(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!await condition()) {
    ensure(Date.now() < deadline, `not within ${PATIENCE_MS / 1000} s: ${what}`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

export function ensure(condition, message) {
  if (!condition) throw new Error(message);
}

export function equal(found, wanted, what) {
  const [is, should] = [found, wanted].map((value) => JSON.stringify(value));
  ensure(is === should, `${what}: ${is} instead of ${should}`);
}

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run this through \`cargo test --test browser\``);
  return value;
}

const PATIENCE_MS = 45_000;
