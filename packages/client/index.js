// A client for a deployed Breadbox. It has no dependencies and needs `fetch`, `URL` and `Response`:
// Workers, Node 18 and later, Deno, Bun and browsers have them.

const API = "/api/v1/cache";
// A service binding takes any URL; the host tells the edge which site is meant.
const ANY_HOST = "https://edge.invalid";

/** What went wrong, as the edge put it. */
export class BreadboxError extends Error {
  constructor(message, { status, code, field, retryAfter, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "BreadboxError";
    this.status = status;
    this.code = code;
    this.field = field;
    this.retryAfter = retryAfter;
  }
}

export class Breadbox {
  #fetch;
  #site;
  #token;

  constructor({ url, binding, token, fetch = globalThis.fetch } = {}) {
    if (url === undefined && binding === undefined) {
      throw new TypeError("Breadbox needs `url`, `binding` or both");
    }
    this.#site = new URL(url ?? ANY_HOST);
    if (!["http:", "https:"].includes(this.#site.protocol)) {
      throw new TypeError(`url: found ${url}; allowed: a URL such as https://www.example.com`);
    }
    this.#fetch = binding ? (...args) => binding.fetch(...args) : (...args) => fetch(...args);
    this.#token = token;
  }

  fetch(request, init) {
    const named = typeof request === "string" && request.startsWith("/");
    return this.#fetch(named ? new URL(request, this.#site) : request, init);
  }

  purge(selection, { wait = false } = {}) {
    return this.#order(`/purge${wait ? "?wait=visible" : ""}`, selection);
  }

  explain(url) {
    return this.#ask(`/entries?url=${encodeURIComponent(new URL(url, this.#site).href)}`);
  }

  status() {
    return this.#ask("");
  }

  stats() {
    return this.#ask("/stats");
  }

  async *warm(urls, { rate = 5, headers = {}, signal } = {}) {
    if (!(rate > 0)) {
      throw new TypeError(`rate: found ${rate}; allowed: a number above 0, of requests a second`);
    }
    let due = Date.now();
    for await (const url of urls) {
      signal?.throwIfAborted();
      const target = new URL(url, this.#site);
      if (target.origin !== this.#site.origin) {
        yield { url: String(url), verdict: "foreign", stored: false };
        continue;
      }
      await until(due, signal);
      due = Math.max(Date.now(), due) + 1000 / rate;
      const response = await this.#fetch(target, { headers, signal });
      await response.body?.pipeTo(new WritableStream(), { signal });
      yield { url: target.href, status: response.status, ...told(response) };
    }
  }

  async startWarming(order) {
    return (await this.#order("/warm", order)).job;
  }

  async warming() {
    return (await this.#ask("/warm")).job;
  }

  async continueWarming() {
    return (await this.#order("/warm/next", {})).job;
  }

  async stopWarming() {
    await this.#call("/warm", { method: "DELETE" });
  }

  #ask(path) {
    return this.#call(path, {});
  }

  #order(path, body) {
    const headers = { "content-type": "application/json" };
    return this.#call(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  async #call(path, init) {
    const headers = new Headers(init.headers);
    if (this.#token !== undefined) {
      headers.set("authorization", `Bearer ${this.#token}`);
    }
    let response;
    try {
      response = await this.#fetch(new URL(API + path, this.#site), { ...init, headers });
    } catch (cause) {
      throw new BreadboxError(`${this.#site.origin} can't be reached`, { cause });
    }
    return data(response);
  }
}

async function data(response) {
  const { status } = response;
  const answer = await response.json().catch(() => undefined);
  if (answer?.success === true) {
    return answer.data;
  }
  const { message, code, field } = answer?.error ?? {};
  const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const retryAfter = Number.isNaN(seconds) ? undefined : seconds;
  const words = message ?? `the edge answered ${status}, and not as Breadbox does`;
  throw new BreadboxError(words, { status, code, field, retryAfter });
}

async function until(time, signal) {
  const wait = time - Date.now();
  if (wait > 0) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    signal?.throwIfAborted();
  }
}

/** What `Cache-Status` (RFC 9211) says that Breadbox did with a response. */
export function told(response) {
  const field = response.headers.get("cache-status") ?? "";
  const own = field.split(",").findLast((member) => /^\s*Breadbox\s*(;|$)/.test(member));
  if (own === undefined) {
    return { verdict: "unknown", stored: false };
  }
  const parameters = new Map(
    own.split(";").slice(1).map((part) => {
      const [name, value = ""] = part.trim().split("=");
      return [name, value];
    }),
  );
  const number = (name) => (parameters.has(name) ? Number(parameters.get(name)) : undefined);
  return {
    verdict: parameters.has("hit") ? "hit" : parameters.get("fwd") ?? "unknown",
    reason: parameters.get("detail"),
    ttl: number("ttl"),
    stored: parameters.has("stored"),
    collapsed: parameters.has("collapsed"),
  };
}
