// A reader browses while Redis, the origin or both are down.

import { ensure, equal, eventually, health, part, person, purge, verdict } from "./browser.js";

const KNOWN = ["/", "/builds?sort=popular", "/builds/2", "/builds/3", "/classes"];
const NEW = ["/builds/4", "/users/2", "/classes/ranger", "/me"];

export function* play(browser) {
  let reader;
  yield ["pages are kept", async () => {
    reader = await person(browser);
    for (const path of KNOWN) {
      await reader.visit(path);
      await reader.stored();
    }
  }];
  yield ["Redis down: known and new pages load", () => withoutRedis(reader)];
  yield ["Redis back: connected by itself, pages are kept again", () => recovered(reader)];
  yield ["origin down: pages show what was stored", () => withoutOrigin(reader)];
  yield ["both down, then both back", () => withoutBoth(reader)];
}

async function withoutRedis(reader) {
  const { page } = reader;
  await reader.visit("/");
  await part("redis", "stop");
  await reader.follow(page.getByRole("link", { name: "Builds", exact: true }));
  await reader.follow(page.locator(".card a.cover").first());
  await page.goBack();
  for (const path of [...KNOWN, ...NEW, ...KNOWN]) {
    await reader.visit(path);
    ensure(await page.locator("main h1").isVisible(), `${path} shows no title`);
  }
  const known = verdict(await reader.visit("/builds/2"));
  ensure(known.hit, `a known page is no hit without Redis: ${JSON.stringify(known)}`);
  equal((await health()).redis.health.connected, false, "whether Redis is connected");
  reader.content();
}

async function recovered(reader) {
  await part("redis", "start");
  await eventually("Redis is connected", async () => {
    await reader.visit("/");
    return (await health()).redis.health.connected;
  });
  for (const path of KNOWN) {
    await reader.visit(path);
    await reader.stored();
  }
  reader.content();
}

async function withoutOrigin(reader) {
  const { page } = reader;
  await part("origin", "stop");
  await purge({ everything: true, soft: true });
  const { visibilityMs } = (await health()).purge;
  const purged = Date.now();
  let stale = 0;
  while (stale < 2 * KNOWN.length) {
    for (const path of KNOWN) {
      const late = Date.now() - purged > visibilityMs;
      const told = verdict(await reader.visit(path));
      const known = told.hit || told["fwd-status"] !== undefined || told.fwd !== undefined;
      ensure(known, `${path}: ${JSON.stringify(told)}`);
      ensure(await page.locator("main h1").isVisible(), `${path} shows no title`);
      const old = STALE.includes(told.detail) || Number(told.ttl) < 0;
      ensure(old || !late, `${path} counts as fresh after its purge: ${JSON.stringify(told)}`);
      stale += old ? 1 : 0;
    }
  }
  reader.content();
}

async function withoutBoth(reader) {
  await part("redis", "stop");
  for (const path of [...KNOWN, ...KNOWN]) await reader.visit(path);
  reader.content();
  await part("origin", "start");
  await part("redis", "start");
  await eventually("the home page is a fresh hit again", async () => {
    const told = verdict(await reader.visit("/"));
    return told.hit && told.detail === "hit";
  });
  await reader.leave();
}

const STALE = ["stale", "soft-purged", "rescue"];
