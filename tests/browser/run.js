// Plays one script: `node run.js <script>`. Says `ok …` for each check, and `done` at the end.

import { open } from "./browser.js";

const scripts = ["visits", "changes", "outages", "operator", "looks"];
const name = process.argv[2];
if (!scripts.includes(name)) throw new Error(`no script ${name}; there are ${scripts}`);
const { play } = await import(`./${name}.js`);

const browser = await open();
try {
  for (const [what, check] of play(browser)) {
    const began = performance.now();
    await check().catch((error) => {
      throw new Error(`${what}: ${error.message}`, { cause: error });
    });
    console.log(`ok ${what} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  }
  console.log("done");
} finally {
  await browser.close();
}
