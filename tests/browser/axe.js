// Whether a page excludes anybody, as far as axe-core can see.

import axeCore from "axe-core";

import { equal } from "./browser.js";

/** Looks at the open page in light and in dark. */
export async function axe(person, what) {
  const { page } = person;
  const before = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axeCore.source);
    const { violations } = await page.evaluate(() => window.axe.run(document));
    const found = violations.flatMap(({ id, help, nodes }) => nodes.map((node) =>
      `${id} (${help}) at ${node.target}: ${node.any.map(({ message }) => message).join("; ")}`));
    equal(found, [], `what axe says of ${what} in ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: before ? "dark" : "light" });
}
