// An author edits a build and a reader likes it; both look at two isolates.

import { edge, edges, ensure, equal, eventually, health, person } from "./browser.js";

const LISTING = "/builds?sort=popular";

export function* play(browser) {
  let scene;
  yield ["pages are kept on both isolates", async () => {
    scene = await prepare(browser);
  }];
  yield ["an edit shows on its page and in the listing", () => edit(scene)];
  yield ["a like shows on the page", () => like(scene)];
  yield ["nobody complained", () => scene.author.leave()];
}

/** Signs in as the author of the most liked build, and has its pages cached. */
async function prepare(browser) {
  const author = await person(browser);
  const { page } = author;
  await author.visit(LISTING);
  const path = await page.locator(".card a.cover").first().getAttribute("href");
  const byline = await page.locator(".card .byline a").first().getAttribute("href");
  await author.visit("/me");
  await page.locator("#user").selectOption(byline.split("/").at(-1));
  await author.follow(page.getByRole("button", { name: "Continue" }));
  for (const at of edges) {
    for (const kept of [LISTING, path]) {
      await author.visit(kept, at);
      await author.stored();
    }
  }
  return { author, path, bound: (await health()).purge.visibilityMs };
}

async function edit({ author, path, bound }) {
  const { page } = author;
  await author.visit(path);
  await author.follow(page.getByRole("link", { name: "Edit" }));
  const title = "The Patient Lighthouse of Tuesdays";
  await page.getByLabel("Title").fill(title);
  await author.follow(page.getByRole("button", { name: "Save" }));
  const saved = Date.now();
  equal(new URL(page.url()).pathname, path, "where saving leads");
  for (const at of edges) {
    await shown(author, { path, at, since: saved, bound }, async () =>
      (await page.locator("main h1").textContent()) === title);
    await shown(author, { path: LISTING, at, since: saved, bound }, () =>
      page.locator(".card h3", { hasText: title }).isVisible());
  }
}

async function like({ author, path, bound }) {
  const { page } = author;
  const likes = async () => count(page.locator(".actions .likes"));
  await author.visit(path);
  const before = await likes();
  await author.follow(page.getByRole("button", { name: "Like" }));
  const liked = Date.now();
  for (const at of edges) {
    const seen = { path, at, since: liked, bound };
    await shown(author, seen, async () => (await likes()) === before + 1);
  }
  // The listing may be shown stale once more, and then shows the like.
  await eventually("the listing shows the like", async () => {
    await author.visit(LISTING);
    const card = page.locator(".card", { has: page.locator(`a.cover[href="${path}"]`) });
    return await count(card.locator(".likes")) === before + 1;
  });
  await author.visit(path, edge);
  await author.follow(page.getByRole("button", { name: "Like" }));
  equal(await likes(), before + 1, "likes after liking it again");
}

async function count(likes) {
  return Number.parseInt(await likes.textContent(), 10);
}

/**
 * Loads a page until it shows the change. A load that begins later than the bound after the
 * change was acknowledged may not show what was before.
 */
async function shown(reader, { path, at, since, bound }, condition) {
  for (;;) {
    const late = Date.now() - since;
    await reader.visit(path, at);
    if (await condition()) return;
    ensure(late <= bound, `${at}${path} shows the old after ${late} ms; the bound is ${bound} ms`);
  }
}
