// A reader browses while the gateway, Redis, the origin or several of them are down.

import { ensure, equal, eventually, health, part, person, purge, verdict } from "./browser.js";

const KNOWN = ["/", "/builds?sort=popular", "/builds/2", "/builds/3", "/classes"];

export function* play(browser) {
  let reader;
  yield ["pages are kept", async () => {
    reader = await person(browser);
    for (const path of KNOWN) {
      await reader.visit(path);
      await reader.stored();
    }
  }];
  for (const name of ["gateway", "redis"]) {
    yield [`${name} down: known and new pages load`, () => without(reader, name)];
    yield [`${name} back: connected by itself, pages are kept`, () => recovered(reader, name)];
  }
  yield ["origin down: pages show what was stored", () => withoutOrigin(reader)];
  yield ["both down, then both back", () => withoutBoth(reader)];
}

async function without(reader, name) {
  const { page } = reader;
  await reader.visit("/");
  await part(name, "stop");
  await reader.follow(page.getByRole("link", { name: "Builds", exact: true }));
  await reader.follow(page.locator(".card a.cover").first());
  await page.goBack();
  for (const path of [...KNOWN, ...NEW[name], "/me", ...KNOWN]) {
    await reader.visit(path);
    ensure(await page.locator("main h1").isVisible(), `${path} shows no title`);
  }
  const known = verdict(await reader.visit("/builds/2"));
  ensure(known.hit, `a known page is no hit without ${name}: ${JSON.stringify(known)}`);
  equal((await health()).redis.health.connected, false, "whether Redis is connected");
  reader.content();
}

async function recovered(reader, name) {
  await part(name, "start");
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

const NEW = {
  gateway: ["/builds/4", "/users/2", "/classes/ranger"],
  redis: ["/builds/5", "/users/3", "/classes/shade"],
};

const STALE = ["stale", "soft-purged", "rescue"];
