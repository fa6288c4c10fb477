// The operator's page: reads the cache's reports again and again while somebody can see them.

import { ask, forgetToken, keepToken, source, token } from "./api.js";
import { showHealth } from "./health.js";
import { showLive, showTop } from "./hot.js";
import { showLifetimes } from "./lifetimes.js";
import { look, prepareLookup } from "./lookup.js";
import { layout, showPlots, steps } from "./plots.js";
import { preparePurge } from "./purge.js";
import { prepareWarm, watchJob } from "./warm.js";
import { at, complain } from "./words.js";

let lastSuccess = null;
let hot = null;
let history = null;
let historyRead = 0;
let paused = false;

/** Reads the reports now, and again every few seconds while somebody can see them. */
function watch() {
  let timer;
  const again = async () => {
    clearTimeout(timer);
    await refresh();
    if (!document.hidden) timer = setTimeout(again, INTERVAL_MS);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else again();
  });
  again();
}

async function refresh() {
  const [health, stats] = await Promise.allSettled([ask("", [], ""), readStats()]);
  if (health.status === "rejected") return outdated(health.reason);
  const { text, kind } = showHealth(health.value);
  showLifetimes(health.value.lifetimes, hot?.rules);
  // The job lies in Redis.
  await watchJob(token() !== "" && health.value.redis?.health?.connected === true);
  lastSuccess = new Date();
  document.body.classList.remove("outdated");
  at("freshness").textContent = `As of ${lastSuccess.toLocaleTimeString()}`;
  if (stats.status === "fulfilled") return notice(text, kind);
  const { reason } = stats;
  if (reason.status === 401 || reason.status === 403) refused(reason.message);
  notice([text, `What is hot can’t be read: ${reason.message}`].filter(Boolean).join(" "), kind);
}

function outdated(error) {
  document.body.classList.add("outdated");
  const since = lastSuccess
    ? `The figures below are those of ${lastSuccess.toLocaleTimeString()}.`
    : "There are no figures to show.";
  at("freshness").textContent = lastSuccess ? "Out of date" : "No figures";
  notice(`The health report can’t be read: ${error.message} ${since}`);
}

/** What only a token shows. The history is long and read more rarely. */
async function readStats() {
  const signed = token() !== "";
  for (const part of document.querySelectorAll(".signed")) part.hidden = !signed;
  at("forget").hidden = !signed;
  if (!signed) {
    hot = null;
    return;
  }
  const range = RANGES[at("range").value];
  const due = Date.now() - historyRead > range.every;
  const stats = await ask("/stats", [["top", "60"], ...(due ? range.query : [["minutes", "0"]])]);
  hot = stats;
  showTop(stats, look);
  if (!paused) showLive(stats);
  if (due) {
    history = { stats, range };
    historyRead = Date.now();
    plot();
  }
}

function plot() {
  if (history === null) return;
  const { stats, range } = history;
  const places = layout(stats.families ?? []);
  const now = [stats.now, ...(stats.totals ?? [])];
  showPlots(steps([...(stats[range.list] ?? []), now], places), range.name);
}

function prepareToken() {
  at("token").value = token();
  at("sign").addEventListener("submit", async (event) => {
    event.preventDefault();
    complain("token", "");
    const secret = at("token").value.trim();
    if (secret === "") return complain("token", "A token is needed.");
    try {
      await ask("/stats", [["minutes", "0"], ["top", "1"]], secret);
    } catch (error) {
      return complain("token", error.message);
    }
    keepToken(secret);
    historyRead = 0;
    await refresh();
  });
  at("forget").addEventListener("click", async () => {
    forgetToken();
    at("token").value = "";
    at("token").focus();
    await refresh();
  });
}

/** The edge does not take the token (any more). */
function refused(message) {
  if (token() !== "" && message !== FORBIDDEN) forgetToken();
  complain("token", message);
}

function notice(message, kind = "bad") {
  const line = at("notice");
  // Written only when it changes, so that it is not read aloud every five seconds.
  if (line.textContent !== message) line.textContent = message;
  line.hidden = message === "";
  line.className = `notice ${kind}`;
}

const INTERVAL_MS = 5000;
const FORBIDDEN = "the token's scope does not cover this";

const RANGES = {
  hour: { name: "hour", list: "minutes", every: 15_000, query: [["minutes", "60"]] },
  day: { name: "day", list: "minutes", every: 60_000, query: [["minutes", "1440"]] },
  month: { name: "month", list: "hours", every: 300_000, query: [["minutes", "0"], ["hours", "744"]] },
};

at("source").href = source;
prepareToken();
prepareLookup();
preparePurge({ hot: () => hot, done: refresh, refused });
prepareWarm({ hot: () => hot, done: refresh });
at("range").addEventListener("change", () => {
  historyRead = 0;
  refresh();
});
for (const id of ["subject", "rank"]) {
  at(id).addEventListener("change", () => hot && showTop(hot, look));
}
at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  if (!paused && hot) showLive(hot);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", plot);
let width = 0;
new ResizeObserver(() => {
  const { clientWidth } = at("charts");
  if (clientWidth !== width && clientWidth > 0) plot();
  width = clientWidth;
}).observe(at("charts"));
watch();
