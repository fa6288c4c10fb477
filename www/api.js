// The operator's API, and the token that opens it.

const api = new URL("..", location.href).href.replace(/\/$/, "");
const TIMEOUT_MS = 10_000;
const TOKEN_KEY = "breadbox-token";

/** An answer that is not what was asked for. */
export class Refusal extends Error {
  constructor(message, status, field) {
    super(message);
    this.status = status;
    this.field = field ?? "";
  }
}

export function token() {
  return sessionStorage.getItem(TOKEN_KEY) ?? "";
}

export function keepToken(secret) {
  sessionStorage.setItem(TOKEN_KEY, secret);
}

export function forgetToken() {
  sessionStorage.removeItem(TOKEN_KEY);
}

/** The health report's address. */
export const source = api;

/** Asks for a part of the API; `query` may have several values for a name. */
export async function ask(path, query = [], secret = token()) {
  const fields = new URLSearchParams(query);
  const tail = fields.size > 0 ? `?${fields}` : "";
  return data(await exchange(`${api}${path}${tail}`, { headers: headers(secret) }));
}

export async function order(path, body, secret = token()) {
  return data(await exchange(`${api}${path}`, {
    method: "POST",
    headers: { ...headers(secret), "content-type": "application/json" },
    body: JSON.stringify(body),
  }));
}

/** Has a part of the API deleted. */
export async function end(path) {
  return data(await exchange(`${api}${path}`, { method: "DELETE", headers: headers(token()) }));
}

function headers(secret) {
  return { accept: "application/json", ...(secret ? { authorization: `Bearer ${secret}` } : {}) };
}

async function data(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    const { message, field } = body?.error ?? {};
    throw new Refusal(message ?? `the edge answered ${response.status}.`, response.status, field);
  }
  if (body?.success !== true || typeof body.data !== "object" || body.data === null) {
    throw new Refusal("the answer is not a report.", response.status);
  }
  return body.data;
}

async function exchange(url, options) {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    return await fetch(url, { ...options, cache: "no-store", signal });
  } catch (error) {
    throw new Refusal(error.name === "TimeoutError"
      ? "the edge did not answer in time."
      : "the edge can’t be reached.", 0);
  }
}
