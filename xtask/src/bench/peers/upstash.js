// What a good engineer would write for this job with the published client: entries in Redis as
// JSON, stale-while-revalidate under a lock, the Cache API where Redis fails, tags as sets.
import { Redis } from "@upstash/redis/cloudflare";

let redis;

export default {
  async fetch(request, env, context) {
    redis ??= new Redis({
      url: env.REDIS_REST_URL,
      token: env.REDIS_REST_TOKEN,
      enableTelemetry: false,
      latencyLogging: false,
      retry: false,
    });
    const url = new URL(request.url);
    if (request.method === "POST" && url.pathname === "/purge") {
      return purge(await request.json());
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return fetch(env.ORIGIN + url.pathname + url.search, request);
    }
    const key = `e:${url.pathname}${url.search}`;
    let entry;
    let reachable = true;
    try {
      entry = await redis.get(key);
    } catch {
      reachable = false;
      entry = await near(url);
    }
    if (entry) {
      const age = (Date.now() - entry.stored) / 1000;
      if (age < entry.fresh) {
        return respond(request, entry, age, "hit");
      }
      if (age < entry.fresh + entry.stale) {
        context.waitUntil(refresh(key, url, env));
        return respond(request, entry, age, "stale");
      }
    }
    return miss(request, key, url, env, context, reachable);
  },
};

function respond(request, entry, age, verdict) {
  const headers = new Headers(entry.headers);
  headers.set("age", String(Math.max(0, Math.floor(age))));
  headers.set("cache-status", `js; hit; detail=${verdict}`);
  const etag = headers.get("etag");
  if (etag !== null && request.headers.get("if-none-match") === etag) {
    return new Response(null, { status: 304, headers });
  }
  if (request.method === "HEAD") {
    headers.set("content-length", String(entry.length));
    return new Response(null, { status: entry.status, headers });
  }
  return new Response(decoded(entry), { status: entry.status, headers });
}

async function miss(request, key, url, env, context, reachable) {
  const answer = await fetch(env.ORIGIN + url.pathname + url.search, {
    headers: request.headers,
    redirect: "manual",
  });
  const policy = lifetime(answer);
  if (policy === undefined) {
    return answer;
  }
  const [out, kept] = answer.body === null ? [null, null] : answer.body.tee();
  context.waitUntil(store(key, url, answer, kept, policy, reachable));
  const headers = new Headers(answer.headers);
  headers.set("cache-status", "js; fwd=uri-miss; stored");
  return new Response(out, { status: answer.status, headers });
}

async function refresh(key, url, env) {
  const token = crypto.randomUUID();
  const taken = await redis.set(`l:${key}`, token, { nx: true, px: 10_000 });
  if (taken !== "OK") {
    return;
  }
  try {
    const answer = await fetch(env.ORIGIN + url.pathname + url.search, { redirect: "manual" });
    const policy = lifetime(answer);
    if (policy !== undefined) {
      await store(key, url, answer, answer.body, policy, true);
    }
  } finally {
    await redis.del(`l:${key}`);
  }
}

function lifetime(answer) {
  const control = answer.headers.get("cache-control") ?? "";
  if (answer.status !== 200 || /no-store|private/.test(control) || answer.headers.has("set-cookie")) {
    return undefined;
  }
  const fresh = /(?:s-maxage|max-age)=(\d+)/.exec(control);
  const stale = /stale-while-revalidate=(\d+)/.exec(control);
  return fresh && { fresh: Number(fresh[1]), stale: stale ? Number(stale[1]) : 0 };
}

async function store(key, url, answer, body, policy, reachable) {
  const bytes = new Uint8Array(await new Response(body).arrayBuffer());
  if (bytes.length > 1024 * 1024) {
    return;
  }
  const headers = [...answer.headers];
  const type = answer.headers.get("content-type") ?? "";
  const text = /^text\/|json|javascript|xml/.test(type);
  const entry = {
    status: answer.status,
    headers,
    length: bytes.length,
    stored: Date.now(),
    ...policy,
    text,
    body: text ? new TextDecoder().decode(bytes) : encoded(bytes),
  };
  const cache = await caches.open("js");
  const copy = new Response(JSON.stringify(entry), {
    headers: { "cache-control": `max-age=${policy.fresh + policy.stale}` },
  });
  await cache.put(`https://near.internal${url.pathname}${url.search}`, copy);
  if (!reachable) {
    return;
  }
  const writes = redis.pipeline();
  writes.set(key, entry, { ex: policy.fresh + policy.stale + 60 });
  for (const tag of (answer.headers.get("cache-tag") ?? "").split(",").filter(Boolean)) {
    writes.sadd(`t:${tag.trim()}`, key);
  }
  await writes.exec();
}

async function near(url) {
  const cache = await caches.open("js");
  const found = await cache.match(`https://near.internal${url.pathname}${url.search}`);
  return found && (await found.json());
}

async function purge({ tags }) {
  for (const tag of tags) {
    const keys = await redis.smembers(`t:${tag}`);
    if (keys.length > 0) {
      await redis.unlink(`t:${tag}`, ...keys);
    }
  }
  return Response.json({ success: true });
}

function encoded(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

function decoded(entry) {
  return entry.text ? entry.body : Uint8Array.from(atob(entry.body), (c) => c.charCodeAt(0));
}
