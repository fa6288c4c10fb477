// Whether a page excludes anybody, as far as axe-core can see.

import axeCore from "axe-core";

import { equal } from "./browser.js";

/** Looks at the open page in light and in dark. */
export async function axe(person, what) {
  const { page } = person;
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    // Colours on their way from one scheme to the other are neither's.
    await page.evaluate(() => Promise.all(document.getAnimations().map((it) => it.finished)));
    await page.evaluate(axeCore.source);
    const { violations } = await page.evaluate(() => window.axe.run(document));
    const found = violations.flatMap(({ id, help, nodes }) => nodes.map((node) =>
      `${id} (${help}) at ${node.target}: ${node.any.map(({ message }) => message).join("; ")}`));
    equal(found, [], `what axe says of ${what} in ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: null });
}
