/** How a Breadbox is reached: by its address, or in a Worker by a service binding. */
export interface Options {
  /**
   * The site's address, such as `https://www.example.com`. With a binding it says which site of the
   * deployment is meant; nothing is sent there.
   */
  url?: string | URL;
  /** A service binding to the Worker: the request leaves neither the machine nor pays for a call. */
  binding?: { fetch: (request: any, init?: any) => Promise<any> };
  /** One of `BREADBOX_TOKENS`. `fetch` and `warm` need none and never send it. */
  token?: string;
  /** Another `fetch`, for tests and for limits of your own. */
  fetch?: typeof fetch;
}

/** What to purge; all lists together hold at most 1000 texts of 2048 bytes. */
export interface Selection {
  tags?: string[];
  urls?: string[];
  prefixes?: string[];
  hosts?: string[];
  patterns?: string[];
  keys?: string[];
  everything?: boolean;
  /** Stale instead of gone. */
  soft?: boolean;
  /** Whether `urls` are meant with every query. */
  query?: "exact" | "any";
  /** Nothing is recorded; the answer shows what would be. */
  dry_run?: boolean;
}

/** That a purge is recorded, and from when on it is visible everywhere. */
export interface Receipt {
  receipt: string;
  recorded: number;
  records: Record<string, unknown>[];
  scope: "everywhere" | "data-centre";
  visible: boolean;
  visible_in_ms: number;
  visible_at: number;
}

/** What the cache did with a response, from its `Cache-Status` (RFC 9211). */
export interface Told {
  /** `hit`, or why it went on to the origin: `uri-miss`, `stale`, `bypass` …; `unknown` without Breadbox. */
  verdict: string;
  /** Why, in Breadbox' words. */
  reason?: string;
  /** The seconds for which it is fresh still; negative when it is stale. */
  ttl?: number;
  stored: boolean;
  collapsed?: boolean;
}

/** What became of a page that was warmed. A `foreign` one is of another site, and was not asked for. */
export interface Warmed extends Told {
  url: string;
  status?: number;
}

export interface WarmOptions {
  /** At most so many requests a second, one at a time; 5 unless said. */
  rate?: number;
  /** Fields of the requests, such as `Accept-Language`. */
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** What the edge is to warm by itself; at least one of the first four. */
export interface WarmingOrder {
  /** Pages of the site; paths, too. */
  urls?: string[];
  sitemaps?: string[];
  /** What carries these tags, or did before it was purged. */
  tags?: string[];
  /** So many of the pages that were asked for most. */
  top?: number;
  /** At most so many requests a second, one at a time; 5 unless said, 100 at the most. */
  rate?: number;
  /** At most so many pages; 10 000 unless said. */
  max?: number;
  /** Ends a job that is under way, instead of being refused. */
  replace?: boolean;
}

/** How far a job is, of which the edge does a part once a minute. */
export interface Warming {
  id: string;
  /** The name of the token that began it. */
  by: string;
  state: "waiting" | "working" | "done";
  /** Milliseconds since 1970. */
  begun: number;
  rate: number;
  /** How many of the `known` items are dealt with: pages, sitemaps, and slices of what is stored. */
  done: number;
  known: number;
  pages: number;
  /** What became of the pages, as counts. */
  stored: number;
  found: number;
  passed: number;
  failed: number;
  foreign: number;
}

export declare class BreadboxError extends Error {
  /** The answer's status; none if there was no answer. */
  status?: number;
  /** The kind of error, such as `forbidden` or `too-many-purges`. */
  code?: string;
  /** The part of the order that is wrong, such as `tags[3]`. */
  field?: string;
  /** After so many seconds the same order may succeed. */
  retryAfter?: number;
}

/** A deployed Breadbox. */
export declare class Breadbox {
  constructor(options: Options);
  /** Asks for a page of the site through the cache. A text that begins with a slash is a path. */
  fetch(request: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Purges; with `wait` the promise is kept only when the purge is visible everywhere. */
  purge(selection: Selection, options?: { wait?: boolean }): Promise<Receipt>;
  /** Why a URL is cached or not, tier by tier. */
  explain(url: string | URL): Promise<Record<string, unknown>>;
  /** Health and figures over all isolates. */
  status(): Promise<Record<string, unknown>>;
  /** Time series, and what is hot. */
  stats(): Promise<Record<string, unknown>>;
  /** Asks for pages so that they are stored, one after another, and tells what became of each. */
  warm(urls: Iterable<string | URL> | AsyncIterable<string | URL>, options?: WarmOptions): AsyncGenerator<Warmed>;
  /** Has the edge warm pages by itself, as a job that outlives any request. */
  startWarming(order: WarmingOrder): Promise<Warming>;
  /** How far the job is, also when it is done; `null` if there is none. */
  warming(): Promise<Warming | null>;
  /** Has the edge go on with the job now, for some seconds, instead of within a minute. */
  continueWarming(): Promise<Warming | null>;
  /** Ends the job. */
  stopWarming(): Promise<void>;
}

/** What the cache did with a response. */
export declare function told(response: Response): Told;
