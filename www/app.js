// The operator's page: shows the cache's health report and sends purges. Says what is missing
// rather than showing a zero for it.

const api = new URL("..", location.href).href.replace(/\/$/, "");
const at = (id) => document.getElementById(id);

/** Reads the report now, and again every few seconds while somebody can see it. */
function watch() {
  let timer;
  const look = async () => {
    clearTimeout(timer);
    await refresh();
    if (!document.hidden) timer = setTimeout(look, INTERVAL_MS);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else look();
  });
  look();
}

async function refresh() {
  try {
    const data = await report();
    show(data);
    lastSuccess = new Date();
    document.body.classList.remove("outdated");
    at("freshness").textContent = `As of ${lastSuccess.toLocaleTimeString()}`;
  } catch (error) {
    document.body.classList.add("outdated");
    const since = lastSuccess
      ? `The figures below are those of ${lastSuccess.toLocaleTimeString()}.`
      : "There are no figures to show.";
    at("freshness").textContent = lastSuccess ? "Out of date" : "No figures";
    notice(`The health report can’t be read: ${error.message} ${since}`);
  }
}

async function report() {
  const response = await exchange(api, { headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`the edge answered ${response.status}.`);
  const body = await response.json().catch(() => null);
  if (body?.success !== true || typeof body.data !== "object" || body.data === null) {
    throw new Error("the answer is not a health report.");
  }
  return body.data;
}

function show(data) {
  const state = redisState(data.redis);
  showRedis(state, data.redis?.health);
  showRate(data);
  showVerdicts(data.requests);
  write("counted", COUNTED[data.counted] ?? "The figures are from");
  const partial = data.counted === "isolate" ? PARTIAL : "";
  notice([state.notice, partial].filter(Boolean).join(" "), state.kind);
}

function redisState(redis) {
  if (redis?.configured === false) return STATES.off;
  return STATES[redis?.health?.connected] ?? STATES.unknown;
}

function showRedis(state, health) {
  write("redis-state", state.word, state.kind);
  const latency = number(health?.latency);
  const details = [latency === null ? state.detail : `Answers in ${figure(latency, 1)} ms`];
  if (health?.breaker && health.breaker !== "closed") details.push(`breaker ${health.breaker}`);
  write("redis-detail", details.join("; "));
}

function showRate(data) {
  const hits = number(data.redis?.hits);
  const misses = number(data.redis?.misses);
  const known = hits !== null && misses !== null;
  const share = known && hits + misses > 0 ? hits / (hits + misses) : null;
  const target = data.targets?.hitRateTarget;
  const goal = Number.parseFloat(target) / 100;
  const verdict = share === null || Number.isNaN(goal) ? "" : share >= goal ? "good" : "";
  write("rate", share === null ? "–" : percent(share), verdict);
  const meter = at("rate-meter");
  meter.hidden = share === null;
  meter.value = share ?? 0;
  const counts = known ? `${plural(hits, "hit", "hits")}, ${plural(misses, "miss", "misses")}` : "";
  const aim = target ? `the target is ${target}` : "";
  const detail = share !== null ? [counts, aim].filter(Boolean).join("; ")
    : known ? "No look-ups have been counted yet" : "The report has no figures";
  write("rate-detail", detail);
}

function showVerdicts(requests) {
  const counts = Object.entries(requests ?? {}).filter(([, count]) => number(count) !== null);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  const rank = (name) => (VERDICTS.has(name) ? [...VERDICTS.keys()].indexOf(name) : 99);
  counts.sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
  at("verdicts").hidden = total === 0;
  at("verdicts-missing").hidden = total > 0;
  at("verdicts-missing").textContent =
    counts.length > 0 ? "No requests have been counted yet." : "The report has no figures.";
  at("verdicts").tBodies[0].replaceChildren(
    ...counts.filter(([, count]) => count > 0).map(([name, count]) => row(name, count, total)),
  );
  const spared = counts.filter(([name]) => VERDICTS.get(name)?.kind === "cache")
    .reduce((sum, [, count]) => sum + count, 0);
  write("spared", total > 0 ? percent(spared / total) : "–");
  write("spared-detail", total > 0
    ? `${figure(spared)} of ${figure(total)} requests did not wait for it`
    : counts.length > 0 ? "No requests have been counted yet" : "The report has no figures");
}

function row(name, count, total) {
  const known = VERDICTS.get(name);
  const label = element("th", name);
  label.scope = "row";
  if (known) label.append(element("small", known.meaning));
  const amount = element("td", figure(count));
  amount.className = "number";
  const share = document.createElement("td");
  share.className = "share";
  const both = document.createElement("div");
  both.append(bar(count / total, known?.kind ?? ""), element("span", percent(count / total)));
  share.append(both);
  const line = document.createElement("tr");
  line.append(label, amount, share);
  return line;
}

function bar(share, kind) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `bar ${kind}`);
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("width", String(share * 100));
  rect.setAttribute("height", "10");
  svg.append(rect);
  return svg;
}

function prepareForm() {
  const token = at("token");
  token.value = sessionStorage.getItem(TOKEN_KEY) ?? "";
  at("forget").hidden = token.value === "";
  at("forget").addEventListener("click", () => {
    sessionStorage.removeItem(TOKEN_KEY);
    token.value = "";
    at("forget").hidden = true;
    token.focus();
  });
  const explain = () => {
    const kind = KINDS[at("kind").value];
    at("values-label").textContent = kind.label;
    at("values-hint").textContent = kind.hint;
  };
  at("kind").addEventListener("change", explain);
  explain();
  at("purge").addEventListener("submit", (event) => {
    event.preventDefault();
    if (at("send").getAttribute("aria-disabled") !== "true") purge();
  });
}

async function purge() {
  complain("values", "");
  complain("token", "");
  outcome("", "");
  const kind = at("kind").value;
  const values = at("values").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const token = at("token").value.trim();
  if (values.length === 0) return complain("values", `Nothing to purge: ${KINDS[kind].hint}`);
  if (token === "") return complain("token", "A token is needed to purge.");
  const soft = document.querySelector("[name=strength]:checked").value === "soft";
  at("send").setAttribute("aria-disabled", "true");
  try {
    const response = await exchange(`${api}/purge`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ [kind]: values, soft }),
    });
    const body = await response.json().catch(() => null);
    judge(response, body, { kind, values, soft, token });
  } catch (error) {
    const unknown = `Whether this was purged is not known: ${error.message}`;
    outcome(`${unknown} It is safe to repeat it.`, "bad");
  } finally {
    at("send").removeAttribute("aria-disabled");
  }
}

function judge(response, body, { kind, values, soft, token }) {
  if (response.ok && body?.success === true) {
    sessionStorage.setItem(TOKEN_KEY, token);
    at("forget").hidden = false;
    const what = values.length === 1 ? values[0] : `${values.length} ${KINDS[kind].many}`;
    const { sequence, scope, visible_in_ms: wait } = body.data ?? {};
    const receipt = sequence === undefined ? "" : ` (purge ${sequence})`;
    const when = number(wait) === null ? ""
      : `Visible ${SCOPES[scope] ?? ""} within ${figure(wait)} ms.`;
    outcome(`Purged ${soft ? "softly" : "hard"}: ${what}${receipt}. ${when}`, "");
    refresh();
    return;
  }
  const error = body?.error;
  const message = error?.message ?? `the edge answered ${response.status}.`;
  if (response.status === 401 || response.status === 403) {
    sessionStorage.removeItem(TOKEN_KEY);
    complain("token", message);
  } else if (error?.field?.startsWith(kind)) complain("values", message);
  else outcome(`Not purged: ${message}`, "bad");
}

async function exchange(url, options) {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    return await fetch(url, { ...options, cache: "no-store", signal });
  } catch (error) {
    throw new Error(error.name === "TimeoutError"
      ? "the edge did not answer in time."
      : "the edge can’t be reached.");
  }
}

function complain(id, message) {
  at(`${id}-wrong`).textContent = message;
  at(id).setAttribute("aria-invalid", String(message !== ""));
  if (message !== "") at(id).focus();
}

function outcome(message, kind) {
  at("outcome").textContent = message;
  at("outcome").className = kind;
}

function notice(message, kind = "bad") {
  const line = at("notice");
  // Written only when it changes, so that it is not read aloud every five seconds.
  if (line.textContent !== message) line.textContent = message;
  line.hidden = message === "";
  line.className = `notice ${kind}`;
}

function write(id, text, kind) {
  const line = at(id);
  if (line.textContent !== text) line.textContent = text;
  if (kind !== undefined) line.className = `figure ${kind}`;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function figure(value, digits = 0) {
  return value.toLocaleString(undefined, { maximumFractionDigits: digits });
}

function plural(amount, one, many) {
  return `${figure(amount)} ${amount === 1 ? one : many}`;
}

function percent(share) {
  if (share > 0 && share < 0.0005) return "<\u00a00.1%";
  return share.toLocaleString(undefined, SHARE);
}

let lastSuccess = null;

const SHARE = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 };
const INTERVAL_MS = 5000;
const TIMEOUT_MS = 10000;
const TOKEN_KEY = "breadbox-token";
const SVG = "http://www.w3.org/2000/svg";

const KINDS = {
  tags: { label: "Tags", many: "tags",
    hint: "One tag a line, such as build:12 or builds." },
  urls: { label: "URLs", many: "URLs",
    hint: "One complete URL a line, such as https://example.com/builds/12." },
  prefixes: { label: "Prefixes", many: "prefixes",
    hint: "One start of URLs a line, such as example.com/builds/." },
  patterns: { label: "Patterns", many: "patterns",
    hint: "One pattern a line; * stands for any text, as in user:*." },
};

/** What the report may say of Redis, and what follows for readers. */
const STATES = {
  true: { word: "Connected", kind: "good", detail: "Its latency is not known", notice: "" },
  false: {
    word: "Down",
    kind: "bad",
    detail: "It can’t be reached",
    notice: "Redis can’t be reached. Pages are answered from the platform cache and the origin; "
      + "a purge can’t be recorded before it is back.",
  },
  off: {
    word: "Off",
    kind: "",
    detail: "The platform cache is the first tier",
    notice: "",
  },
  unknown: {
    word: "Not known",
    kind: "",
    detail: "The report does not say",
    notice: "The report does not say whether Redis can be reached.",
  },
};

const PARTIAL = "The figures are those of the one isolate that answered, not totals.";

const COUNTED = {
  all: "The figures are totals over all isolates, from",
  isolate: "The figures are one isolate’s, from",
};

const SCOPES = { everywhere: "everywhere", "data-centre": "in this data centre" };

/** The verdicts in the order of the table, what they mean, and who answered. */
const VERDICTS = new Map(Object.entries({
  hit: { kind: "cache", meaning: "fresh, from the cache" },
  stale: { kind: "cache", meaning: "stale, while it was refreshed" },
  collapsed: { kind: "cache", meaning: "shared another request’s fetch" },
  rescue: { kind: "cache", meaning: "stale, because the origin failed" },
  revalidated: { kind: "", meaning: "the origin said it is unchanged" },
  miss: { kind: "", meaning: "from the origin" },
  bypass: { kind: "", meaning: "not for the cache" },
  error: { kind: "fault", meaning: "neither could answer" },
}));

// Last, because what is above has to be there.
at("source").href = api;
watch();
prepareForm();
