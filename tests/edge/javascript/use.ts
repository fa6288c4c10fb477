// What a user writes, for the type checker.
import { Breadbox, BreadboxError, told, type Receipt, type Warmed, type Warming } from "../../../packages/client/index.js";

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
  const job: Warming = await cache.startWarming({ tags: ["a"], rate: 5, replace: true });
  const later: Warming | null = (await cache.continueWarming()) ?? (await cache.warming());
  console.log(job.known, later?.state === "done");
  await cache.stopWarming();
  // @ts-expect-error: there is no such order
  await cache.startWarming({ url: ["/"] });
  try {
    return told(await cache.fetch("/a")).ttl ?? receipt.visible_in_ms;
  } catch (error) {
    return error instanceof BreadboxError ? error.retryAfter : undefined;
  }
}
