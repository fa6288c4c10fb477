// Warming: asks this site for pages as a visitor would, one at a time, never faster than was said;
// or has the edge do it, and tells how far it is.

import { ask, end, order } from "./api.js";
import { at, complain, plural } from "./words.js";

let stopped = true;

/** Prepares the form. `hot` tells what is hot, as far as that is known; `done` is called after a
 * run. */
export function prepareWarm({ hot, done }) {
  at("hottest").addEventListener("click", () => fill(hot()));
  at("warm").addEventListener("submit", (event) => {
    event.preventDefault();
    if (stopped) warm(done);
  });
  at("stop").addEventListener("click", () => {
    stopped = true;
  });
  at("hand").addEventListener("click", () => hand(() => {
    const paths = named();
    return paths && order("/warm", { urls: paths, rate: Number(at("pace").value) });
  }));
  at("end").addEventListener("click", () => hand(() => end("/warm")));
}

/** Tells how far the edge is with what it warms by itself, where that can be known. */
export async function watchJob(known) {
  const told = known ? await ask("/warm").catch(() => null) : null;
  show(told?.job ?? null);
}

async function hand(act) {
  complain("paths", "");
  try {
    const done = await act();
    if (done) show(done.job);
  } catch (error) {
    complain("paths", error.message);
  }
}

function show(job) {
  const line = job === null ? "" : `The edge warms: ${job.done} of ${job.known}, ${job.state}; `
    + `${job.stored} stored, ${job.found} there already, ${job.passed} not to be stored, `
    + `${job.failed} failed. Begun by ${job.by}.`;
  if (at("job").textContent !== line) at("job").textContent = line;
  at("job").hidden = line === "";
  at("end").hidden = job === null || job.state === "done";
}

/** The paths that are named, each once; null after a complaint. */
function named() {
  const lines = at("paths").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const foreign = lines.find((line) => !isOurs(line));
  if (lines.length === 0) complain("paths", "Nothing to warm: one path a line.");
  else if (foreign) complain("paths", `${foreign} is not a page of this site.`);
  else return [...new Set(lines.map(pathOf))];
  return null;
}

function fill(stats) {
  complain("paths", "");
  const urls = stats?.top?.urls?.byRequests ?? [];
  if (urls.length === 0) {
    return complain("paths", stats === null ? "What is hot can only be told with a token."
      : "Nothing has been asked for yet.");
  }
  // They are this site’s, whatever it is called there.
  at("paths").value = urls.slice(0, HOTTEST).map(({ label }) => pathOf(label)).join("\n");
}

function pathOf(url) {
  const { pathname, search } = new URL(url, location.origin);
  return pathname + search;
}

async function warm(done) {
  complain("paths", "");
  const paths = named();
  if (paths === null) return;
  const pause = 1000 / Number(at("pace").value);
  const seen = { hits: 0, stored: 0, others: 0, failed: [] };
  stopped = false;
  at("heat").setAttribute("aria-disabled", "true");
  at("stop").hidden = false;
  let asked = 0;
  for (const path of paths) {
    if (stopped) break;
    const rest = new Promise((resolve) => setTimeout(resolve, pause));
    await visit(path, seen);
    asked += 1;
    at("warmed").textContent = told(asked, paths.length, seen);
    await rest;
  }
  const end = asked < paths.length ? " Stopped." : " Done.";
  at("warmed").textContent = told(asked, paths.length, seen) + end;
  stopped = true;
  at("stop").hidden = true;
  at("heat").removeAttribute("aria-disabled");
  done();
}

function isOurs(line) {
  const url = URL.canParse(line, location.origin) ? new URL(line, location.origin) : null;
  return url !== null && url.origin === location.origin;
}

async function visit(path, seen) {
  try {
    // Not from this browser’s cache, and without asking the edge for anything but what it has.
    const headers = { "cache-control": "max-age=31536000" };
    const answer = await fetch(path, { cache: "no-store", credentials: "omit", headers });
    await answer.arrayBuffer();
    const status = answer.headers.get("cache-status") ?? "";
    if (answer.status >= 500) seen.failed.push(`${path} (${answer.status})`);
    else if (/Breadbox; hit/.test(status)) seen.hits += 1;
    else if (/Breadbox;.*; stored/.test(status)) seen.stored += 1;
    else seen.others += 1;
  } catch {
    seen.failed.push(path);
  }
}

function told(asked, all, { hits, stored, others, failed }) {
  const parts = [`${stored} stored`, `${hits} there already`];
  if (others > 0) parts.push(`${others} not to be stored`);
  if (failed.length > 0) parts.push(`${failed.length} failed: ${failed.slice(0, 3).join(", ")}`);
  return `${asked} of ${plural(all, "page", "pages")}: ${parts.join(", ")}.`;
}

const HOTTEST = 20;
