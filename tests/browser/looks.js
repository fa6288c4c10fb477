// Pictures of all pages at two sizes, light and dark; what can be judged by rule is.

import { join } from "node:path";

import { axe } from "./axe.js";
import { ensure, person } from "./browser.js";
import { UI } from "./operator.js";

const SHOTS = process.env.SHOTS;
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

export function* play(browser) {
  let reader;
  for (const [name, path] of PAGES) {
    yield [`${name}: no violation, fits, pictures taken`, async () => {
      reader ??= await signedIn(browser);
      await look(reader, name, path);
    }];
  }
  yield ["nobody complained", () => reader.leave()];
}

/** The author of build 1, so that every page has something to show. */
async function signedIn(browser) {
  const reader = await person(browser);
  const { page } = reader;
  await reader.visit("/builds/1");
  const byline = await page.locator(".byline a").first().getAttribute("href");
  await reader.visit("/me");
  await page.locator("#user").selectOption(byline.split("/").at(-1));
  await reader.follow(page.getByRole("button", { name: "Continue" }));
  for (const path of ["/", "/", "/builds/2", "/builds/3", "/builds/3", "/builds/3", "/classes"]) {
    await reader.visit(path);
    await reader.stored();
  }
  return reader;
}

async function look(reader, name, path) {
  const { page } = reader;
  for (const [device, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size);
    await reader.visit(path);
    await page.waitForLoadState("networkidle");
    const [wide, room] = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return [scrollWidth, clientWidth];
    });
    ensure(wide <= room, `${name} is ${wide} wide on a ${device} of ${room}`);
    await axe(reader, `${name} on a ${device}`);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const file = join(SHOTS, `${name}-${device}-${colorScheme}.png`);
      await page.screenshot({ path: file, fullPage: true, animations: "disabled" });
    }
    await page.emulateMedia({ colorScheme: null });
  }
}

const PAGES = [
  ["home", "/"],
  ["listing", "/builds?sort=popular"],
  ["detail", "/builds/1"],
  ["edit", "/builds/1/edit"],
  ["classes", "/classes"],
  ["me", "/me"],
  ["operator", UI],
];
