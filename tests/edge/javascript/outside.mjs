// The client outside of Workers: `node outside.mjs <edge> <token>`.
import assert from "node:assert/strict";
import { Breadbox, BreadboxError, told } from "../../../packages/client/index.js";

const [url, token] = process.argv.slice(2);
const sent = [];
const cache = new Breadbox({
  url,
  token,
  fetch: (target, init) => {
    sent.push([new URL(target).pathname, new Headers(init?.headers).get("authorization")]);
    return fetch(target, init);
  },
});
const done = (what) => console.log(`ok ${what}`);

assert.throws(() => new Breadbox(), /needs `url`, `binding` or both/);
assert.throws(() => new Breadbox({ url: "ftp://a" }), /found ftp:\/\/a; allowed/);
done("options are checked");

const warmed = [];
for await (const page of cache.warm(["/a", "/b", "http://elsewhere.test/c"], { rate: 1000 })) {
  warmed.push([new URL(page.url).pathname, page.verdict, page.status, page.stored]);
}
assert.deepEqual(warmed, [
  ["/a", "uri-miss", 200, true],
  ["/b", "uri-miss", 200, true],
  ["/c", "foreign", undefined, false],
]);
assert.ok(sent.every(([, authorization]) => authorization === null), "pages get no token");
await assert.rejects(cache.warm(["/a"], { rate: 0 }).next(), /rate: found 0/);
done("pages are warmed, and no others");

let page;
do {
  page = told(await cache.fetch("/a"));
} while (page.verdict !== "hit");
assert.ok(page.ttl > 0 && !page.stored, JSON.stringify(page));
assert.deepEqual(told(new Response("")), { verdict: "unknown", stored: false });
done("what the cache did is told");

const explained = await cache.explain("/a");
assert.equal(explained.verdict, "hit");
assert.match(explained.why, /\.$/);
assert.equal((await cache.status()).redis.configured, true);
assert.ok(Array.isArray((await cache.stats()).minutes), "stats");
done("it explains and reports");

assert.equal(await cache.warming(), null);
const order = { urls: ["/a", "/j1", "/j2"], tags: ["all"], rate: 100 };
let job = await cache.startWarming(order);
assert.deepEqual([job.by, job.known > 3, job.state], ["a", true, "waiting"]);
const again = await cache.startWarming({ urls: ["/"] }).catch((error) => error);
assert.deepEqual([again.status, again.code], [409, "under-way"]);
while (job.state !== "done") {
  job = await cache.continueWarming();
}
assert.deepEqual([job.stored, job.failed, job.done], [2, 0, job.known], JSON.stringify(job));
assert.deepEqual(await cache.warming(), job);
assert.equal((await cache.startWarming({ top: 0, urls: ["/slow"], rate: 1, replace: true })).rate, 1);
assert.equal(await cache.stopWarming(), undefined);
assert.equal(await cache.warming(), null);
done("the edge warms by itself");

const receipt = await cache.purge({ tags: ["all"] }, { wait: true });
assert.ok(receipt.visible && receipt.recorded === 1, JSON.stringify(receipt));
assert.notEqual(told(await cache.fetch("/a")).verdict, "hit");
done("it purges");

const wrong = await cache.purge({ tags: ["a", ""] }).catch((error) => error);
assert.ok(wrong instanceof BreadboxError, String(wrong));
assert.deepEqual([wrong.status, wrong.code, wrong.field], [400, "invalid-field", "tags[1]"]);
const closed = await new Breadbox({ url, token: "wrong" }).stats().catch((error) => error);
assert.equal(closed.status, 401);
const nobody = await new Breadbox({ url: "http://127.0.0.1:9" }).status().catch((error) => error);
assert.match(nobody.message, /can't be reached/);
const other = new Breadbox({ url, fetch: async () => new Response("<html>", { status: 502 }) });
assert.match((await other.status().catch((error) => error)).message, /502, and not as Breadbox/);
done("errors say what is wrong");
