// The figures of the health report. Says what is missing rather than showing a zero for it.

import { at, bar, bytes, element, figure, number, percent, plural, row, span, VERDICTS, write }
  from "./words.js";

/** Shows the report; the answer is what is to be said on top of the page. */
export function showHealth(data) {
  const state = redisState(data.redis);
  showRedis(state, data.redis?.health);
  showRate(data);
  showVerdicts(data.requests);
  showSpared(data);
  showCost(data);
  showTiers(data);
  write("counted", COUNTED[data.counted] ?? "The figures are from");
  const partial = data.counted === "isolate" ? PARTIAL : "";
  const canary = data.purge?.canary === "survived" ? CANARY : "";
  const kind = canary ? "bad" : state.kind;
  return { text: [state.notice, canary, partial].filter(Boolean).join(" "), kind };
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
  write("rate", percent(share), verdict);
  const meter = at("rate-meter");
  meter.hidden = share === null;
  meter.value = share ?? 0;
  const counts = known ? `${plural(hits, "hit", "hits")}, ${plural(misses, "miss", "misses")}` : "";
  const aim = target ? `the target is ${target}` : "";
  const detail = share !== null ? [counts, aim].filter(Boolean).join("; ")
    : known ? "No look-ups have been counted yet" : "The report has no figures";
  write("rate-detail", detail);
}

function counted(requests) {
  const counts = Object.entries(requests ?? {}).filter(([, count]) => number(count) !== null);
  const rank = (name) => (VERDICTS.has(name) ? [...VERDICTS.keys()].indexOf(name) : 99);
  counts.sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
  return [counts, counts.reduce((sum, [, count]) => sum + count, 0)];
}

function showVerdicts(requests) {
  const [counts, total] = counted(requests);
  at("verdicts").hidden = total === 0;
  at("verdicts-missing").hidden = total > 0;
  at("verdicts-missing").textContent =
    counts.length > 0 ? "No requests have been counted yet." : "The report has no figures.";
  const shown = counts.filter(([, count]) => count > 0);
  at("verdicts").tBodies[0].replaceChildren(
    ...shown.map(([name, count]) => verdictRow(name, count, total)),
  );
}

function verdictRow(name, count, total) {
  const known = VERDICTS.get(name);
  const label = document.createDocumentFragment();
  label.append(name);
  if (known) label.append(element("small", known.meaning));
  const both = document.createElement("div");
  both.append(bar([[count / total, known?.kind ?? ""]]), element("span", percent(count / total)));
  return row([label, [figure(count), "number"], [both, "share"]]);
}

function showSpared(data) {
  const [counts, total] = counted(data.requests);
  const fetches = number(data.origin?.fetches);
  const known = total > 0 && fetches !== null;
  const saved = Math.max(0, total - (fetches ?? 0));
  write("spared", percent(known ? saved / total : null));
  write("spared-detail", known
    ? `${plural(fetches, "fetch", "fetches")} for ${plural(total, "request", "requests")}`
    : counts.length > 0 ? "No requests have been counted yet" : "The report has no figures");
}

function showCost({ cost, requests }) {
  const rate = number(cost?.redisCommandsPer1000Requests);
  const commands = number(cost?.redisCommands) ?? 0;
  // Of few requests the rate says what purges and looks at this page cost, and not what hits do.
  const telling = counted(requests)[1] >= TELLING;
  write("cost", rate === null ? "–" : figure(telling ? rate : commands));
  write("cost-detail", rate === null ? "No commands have been counted yet"
    : telling ? `Redis commands billed per 1000 requests; ${figure(commands)} in all`
    : "Redis commands billed so far; a rate is shown from the thousandth request on");
}

function showTiers(data) {
  const faults = Object.entries(data.counts?.faults ?? {});
  const rows = [...(data.latency === undefined ? [] : TIERS)].map(([name, [label, source]]) => {
    const answers = data.counts?.sources;
    const answered = [answers ? figure(answers[source] ?? 0) : "–", "number"];
    // An isolate's memory is not waited for, and so can't fail.
    if (name === "memory") return row([label, answered, ...Array(4).fill(["–", "number"]), "–"]);
    const waits = data.latency[name];
    const own = faults.filter(([label]) => label.startsWith(`${name} `));
    const words = own.map(([label, count]) => `${figure(count)} ${label.slice(name.length + 1)}`);
    const known = number(waits?.count) > 0;
    const below = (value) => (known ? number(value) === null ? "> 5\u00a0s" : span(value) : "–");
    return row([label, answered, [figure(number(waits?.count) ?? 0), "number"],
      [known ? span(number(waits.averageMs)) : "–", "number"],
      [below(waits?.p50BelowMs), "number"], [below(waits?.p99BelowMs), "number"],
      words.join(", ") || "none"]);
  });
  at("tiers").tBodies[0].replaceChildren(...rows);
  const { leases = {}, stores = {}, breaker_openings: openings = {} } = data.counts ?? {};
  const breaker = Object.values(openings)[0] ?? 0;
  write("leases", data.counts === undefined ? "" : [
    `Leases: ${figure(leases.granted ?? 0)} granted, ${figure(leases.held ?? 0)} held by others,`,
    `${figure(leases.expired ?? 0)} expired. Fills: ${figure(stores.stored ?? 0)} stored,`,
    `${figure(stores.fenced ?? 0)} kept out by a purge. The breaker opened`,
    `${plural(breaker, "time", "times")}.`,
    data.memory ? `The isolate that has answered holds ${plural(data.memory.entries, "page", "pages")}`
      + ` in memory, ${bytes(data.memory.bytes)}.` : "",
  ].join(" "));
}

/** So many requests make a rate. */
const TELLING = 1000;

/** The tiers in the order in which they are asked, and their names among the sources of answers. */
const TIERS = new Map(Object.entries({
  memory: ["Memory", "memory"],
  platform: ["Platform cache", "platform"],
  redis: ["Redis", "shared"],
  origin: ["Origin", "origin"],
}));

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
  off: { word: "Off", kind: "", detail: "The platform cache is the first tier", notice: "" },
  unknown: {
    word: "Not known",
    kind: "",
    detail: "The report does not say",
    notice: "The report does not say whether Redis can be reached.",
  },
};

const PARTIAL = "The figures are those of the one isolate that answered, not totals.";
const CANARY = "A purge that was tried had no effect: purges do not work.";

const COUNTED = {
  all: "The figures are totals over all isolates, from",
  isolate: "The figures are one isolate’s, from",
};
