// The published JavaScript clients against a gateway, with their defaults.
// Usage: node clients.js <url> <token> <read-only token>

import assert from "node:assert/strict";
import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis";

const [url, token, readOnlyToken] = process.argv.slice(2);
const redis = new Redis({ url, token });

const checks = {
  async "values of every kind come back"() {
    await redis.set("js:text", "grüße 🍞 \u0000 \"quoted\"\n");
    assert.equal(await redis.get("js:text"), "grüße 🍞 \u0000 \"quoted\"\n");
    await redis.set("js:object", { a: [1, "two", null], b: { c: true } });
    assert.deepEqual(await redis.get("js:object"), { a: [1, "two", null], b: { c: true } });
    await redis.set("js:number", 1000000);
    assert.equal(await redis.get("js:number"), 1000000);
    assert.equal(await redis.get("js:none"), null);
    assert.equal(await redis.incrbyfloat("js:float", 1.5), 1.5);
    const large = "x".repeat(3_000_000);
    await redis.set("js:large", large);
    assert.equal(await redis.get("js:large"), large);
  },

  async "structures come back"() {
    await redis.hset("js:hash", { name: "bread", slices: 12 });
    assert.deepEqual(await redis.hgetall("js:hash"), { name: "bread", slices: 12 });
    await redis.zadd("js:zset", { score: 1, member: "a" }, { score: 2.5, member: "b" });
    const scores = await redis.zrange("js:zset", 0, -1, { withScores: true });
    assert.deepEqual(scores, ["a", 1, "b", 2.5]);
    await redis.rpush("js:list", "a", "b", "c");
    assert.deepEqual(await redis.lrange("js:list", 0, -1), ["a", "b", "c"]);
    const [cursor, keys] = await redis.scan("0", { match: "js:hash*", count: 1000 });
    assert.equal(cursor, "0");
    assert.deepEqual(keys, ["js:hash"]);
    await redis.xadd("js:stream", "*", { field: "value" });
    const entries = Object.values(await redis.xrange("js:stream", "-", "+"));
    assert.deepEqual(entries, [{ field: "value" }]);
  },

  async "concurrent commands are pipelined by themselves"() {
    const writes = Array.from({ length: 1500 }, (_, n) => redis.set(`js:auto:${n}`, n));
    assert.equal((await Promise.all(writes)).every((reply) => reply === "OK"), true);
    const reads = Array.from({ length: 1500 }, (_, n) => redis.get(`js:auto:${n}`));
    assert.deepEqual(await Promise.all(reads), Array.from({ length: 1500 }, (_, n) => n));
  },

  async "pipelines keep their order and their errors"() {
    const pipeline = redis.pipeline().set("js:p", 1).incr("js:p").get("js:p").mget("js:p", "js:q");
    assert.deepEqual(await pipeline.exec(), ["OK", 2, 2, [2, null]]);
    const failing = redis.pipeline().set("js:p", "x").incr("js:p").get("js:p");
    await assert.rejects(failing.exec(), /not an integer/);
    const kept = await redis.pipeline().incr("js:p").get("js:p").exec({ keepErrors: true });
    assert.match(kept[0].error, /not an integer/);
    assert.equal(kept[1].result, "x");
  },

  async "transactions are whole or nothing"() {
    assert.deepEqual(await redis.multi().set("js:t", 1).incr("js:t").exec(), ["OK", 2]);
    const broken = redis.multi().set("js:t", 9).hset("js:t", {});
    await assert.rejects(broken.exec());
    assert.equal(await redis.get("js:t"), 2);
  },

  async "scripts run, by text and by hash"() {
    assert.deepEqual(await redis.eval("return {KEYS[1], ARGV[1]}", ["k"], ["v"]), ["k", "v"]);
    const sha = await redis.scriptLoad("return ARGV[1]");
    assert.equal(await redis.evalsha(sha, [], ["loaded"]), "loaded");
    assert.deepEqual(await redis.scriptExists(sha, "0".repeat(40)), [1, 0]);
    const script = redis.createScript("#!lua flags=allow-key-locking\nreturn KEYS[1]");
    assert.equal(await script.exec(["js:locked"], []), "js:locked");
    assert.equal(await script.exec(["js:locked"], []), "js:locked");
    await assert.rejects(redis.evalsha("f".repeat(40), [], []), /NOSCRIPT/);
  },

  async "errors say what Redis said"() {
    await redis.set("js:error", "text");
    await assert.rejects(redis.lpush("js:error", "x"), /WRONGTYPE/);
    const stranger = new Redis({ url, token: "not-the-token", retry: false });
    await assert.rejects(stranger.get("js:error"), /WRONGPASS/);
    const reader = new Redis({ url, token: readOnlyToken, enableAutoPipelining: false });
    assert.equal(await reader.get("js:error"), "text");
    await assert.rejects(reader.set("js:error", "y"), /NOPERM/);
  },

  async "raw bodies keep every byte"() {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const headers = { Authorization: `Bearer ${token}` };
    await fetch(`${url}/set/js:bytes`, { method: "POST", headers, body: bytes });
    headers["Upstash-Response-Format"] = "resp2";
    const answer = await fetch(`${url}/get/js:bytes`, { headers });
    const reply = new Uint8Array(await answer.arrayBuffer());
    assert.deepEqual(reply.slice(6, 262), bytes);
  },

  async "subscriptions deliver messages"() {
    const subscriber = redis.subscribe("js:news");
    const message = new Promise((resolve) => subscriber.on("message", resolve));
    await new Promise((resolve) => subscriber.on("subscribe", resolve));
    await redis.publish("js:news", { fresh: true });
    const { channel, message: payload } = await message;
    assert.equal(channel, "js:news");
    assert.deepEqual(payload, { fresh: true });
    await subscriber.unsubscribe();
  },

  async "reads see the writes before them"() {
    for (let n = 0; n < 20; n++) {
      await redis.set("js:sync", n);
      assert.equal(await redis.get("js:sync"), n);
    }
  },

  async "@upstash/ratelimit counts"() {
    const limiters = {
      fixed: Ratelimit.fixedWindow(3, "100 s"),
      sliding: Ratelimit.slidingWindow(3, "100 s"),
      bucket: Ratelimit.tokenBucket(3, "100 s", 3),
    };
    for (const [name, limiter] of Object.entries(limiters)) {
      const ratelimit = new Ratelimit({ redis, limiter, prefix: `js:${name}`, analytics: true });
      const seen = [];
      for (let n = 0; n < 5; n++) {
        const { success, pending } = await ratelimit.limit("somebody");
        await pending;
        seen.push(success);
      }
      assert.deepEqual(seen, [true, true, true, false, false], name);
      assert.equal((await ratelimit.getRemaining("somebody")).remaining, 0, name);
      await ratelimit.resetUsedTokens("somebody");
      assert.equal((await ratelimit.limit("somebody")).success, true, name);
    }
  },
};

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    console.error(`FAILED ${name}`);
    console.error(error);
    process.exitCode = 1;
  }
}
