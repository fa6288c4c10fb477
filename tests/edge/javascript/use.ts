// What a user writes, for the type checker.
import { Breadbox, BreadboxError, told, type Receipt, type Warmed } from "../../../packages/client/index.js";

interface Env {
  BREADBOX: { fetch(request: Request | string | URL, init?: RequestInit): Promise<Response> };
}

export async function use(env: Env): Promise<number | undefined> {
  const cache = new Breadbox({ binding: env.BREADBOX, url: new URL("https://a.test"), token: "t" });
  const receipt: Receipt = await cache.purge({ tags: ["a"], query: "any", soft: true }, { wait: true });
  for await (const page of cache.warm(["/a"], { rate: 2 })) {
    const seen: Warmed = page;
    console.log(seen.url, seen.verdict);
  }
  // @ts-expect-error: there is no such selector
  await cache.purge({ tag: "a" });
  try {
    return told(await cache.fetch("/a")).ttl ?? receipt.visible_in_ms;
  } catch (error) {
    return error instanceof BreadboxError ? error.retryAfter : undefined;
  }
}
