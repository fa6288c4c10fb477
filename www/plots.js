// The figures over time. Snapshots of counters become rates between them; where there is no
// snapshot, or counting began anew, there is a gap.

import uPlot from "./vendor/uplot.js";
import { at, figure, percent, row, span, VERDICTS } from "./words.js";

const charts = new Map();

/** Places of the cells in a snapshot, by family and labels. */
export function layout(families) {
  const places = new Map();
  let next = 1;
  for (const { name, values } of families) {
    for (const labels of values) places.set([name, ...labels].join(" "), next++);
  }
  return places;
}

/** What was counted between each two snapshots. */
export function steps(snapshots, places) {
  const known = (label) => places.get(label);
  const all = [...VERDICTS.keys()].map((name) => known(`requests ${name}`));
  const lists = snapshots.filter((list) => Array.isArray(list) && list.length > 1);
  lists.sort((a, b) => a[0] - b[0]);
  return lists.slice(1).map((after, n) => {
    const before = lists[n];
    const began = all.some((place) => (after[place] ?? 0) < (before[place] ?? 0));
    const of = (label) => Math.max(0, (after[known(label)] ?? 0) - (before[known(label)] ?? 0));
    return { from: before[0], until: after[0], of: began ? null : of };
  });
}

export function showPlots(step, range) {
  const seen = step.some(({ of }) => of !== null && requests(of) > 0);
  at("charts").hidden = !seen;
  at("time-missing").hidden = seen;
  at("time-missing").textContent = "No requests have been counted in this time.";
  if (!seen) return;
  const times = step.map(({ until }) => until / 1000);
  const each = (value) => step.map(({ of, from, until }) => (of ? value(of, until - from) : null));
  const rate = each((of) => hitRate(of));
  const spared = each((of) => sparedShare(of));
  draw("share", times, [["Hit rate", "--good", rate], ["Spared the origin", "--accent", spared]],
    { range: [0, 1], write: (value) => percent(value) });
  const lines = [...VERDICTS.keys()].map((name) => [name, COLOURS[name],
    each((of, millis) => of(`requests ${name}`) / (millis / 1000))]);
  const used = lines.filter(([, , values]) => values.some((value) => value > 0));
  draw("traffic", times, used, { write: (value) => `${figure(value, 1)}/s` });
  const waits = [["Redis", "--good", "redis"], ["Origin", "--accent", "origin"],
    ["Platform cache", "--edge", "platform"]];
  const averages = waits.map(([name, colour, tier]) => [name, colour, each((of) => mean(of, tier))]);
  draw("wait", times, averages.filter(([, , values]) => values.some((value) => value !== null)),
    { write: (value) => span(value) });
  words(step, range);
  table(step);
}

function requests(of) {
  return [...VERDICTS.keys()].reduce((sum, name) => sum + of(`requests ${name}`), 0);
}

function fetches(of) {
  return of("origin_fetches waiting") + of("origin_fetches served");
}

function hitRate(of) {
  const hits = ["hit", "stale", "collapsed", "revalidated", "rescue"]
    .reduce((sum, name) => sum + of(`requests ${name}`), 0);
  const all = hits + of("requests miss");
  return all > 0 ? hits / all : null;
}

function sparedShare(of) {
  const all = requests(of);
  return all > 0 ? Math.max(0, all - fetches(of)) / all : null;
}

function mean(of, tier) {
  const bounds = ["1", "2", "5", "10", "20", "50", "100", "200", "500", "1000", "2000", "5000",
    "inf"];
  const count = bounds.reduce((sum, bound) => sum + of(`wait_seconds ${tier} ${bound}`), 0);
  return count > 0 ? of(`wait_seconds ${tier} sum`) / count : null;
}

function words(step, range) {
  const sum = (label) => step.reduce((total, { of }) => total + (of ? of(label) : 0), 0);
  const over = `over the last ${range}`;
  at("share-words").textContent =
    `Hit rate ${percent(hitRate(sum))}, origin spared ${percent(sparedShare(sum))} ${over}`;
  const parts = [...VERDICTS.keys()].filter((name) => sum(`requests ${name}`) > 0)
    .map((name) => `${figure(sum(`requests ${name}`))} ${name}`);
  at("traffic-words").textContent =
    `${figure(requests(sum))} requests a second by verdict ${over}: ${parts.join(", ")}`
      .replace("requests a second", "requests");
  const waits = ["redis", "origin"].map((tier) => [tier, mean(sum, tier)])
    .filter(([, value]) => value !== null).map(([tier, value]) => `${tier} ${span(value)}`);
  at("wait-words").textContent = `Average wait ${over}: ${waits.join(", ") || "none counted"}`;
}

function table(step) {
  const shown = step.filter(({ of }) => of !== null && requests(of) > 0).slice(-60).reverse();
  at("series").tBodies[0].replaceChildren(...shown.map(({ until, of }) => row([
    new Date(until).toLocaleString(), [figure(requests(of)), "number"],
    [percent(hitRate(of)), "number"], [percent(sparedShare(of)), "number"],
    [figure(fetches(of)), "number"], [span(mean(of, "redis")), "number"],
  ])));
}

function draw(name, times, lines, { range, write }) {
  const place = at(`${name}-chart`);
  charts.get(name)?.destroy();
  // One point alone has no width of its own.
  const within = [Math.min(times[0], times.at(-1) - 60), times.at(-1)];
  const ink = colour("--muted");
  const grid = { stroke: colour("--line"), width: 1 };
  const options = {
    width: Math.max(240, place.clientWidth),
    height: 200,
    legend: { live: false },
    cursor: { show: false },
    scales: { x: { time: true, range: () => within }, y: range ? { range } : { range: (_, __, top) => [0, top || 1] } },
    axes: [
      { stroke: ink, grid, ticks: grid },
      { stroke: ink, grid, ticks: grid, size: 70, values: (_, splits) => splits.map(write) },
    ],
    series: [{}, ...lines.map(([label, variable]) => ({
      label, stroke: colour(variable), width: 2, spanGaps: false, points: { show: times.length < 3 },
    }))],
  };
  const data = [times, ...lines.map(([, , values]) => values)];
  charts.set(name, new uPlot(options, data, place));
}

/** A colour of the style sheet, as it is now, light or dark. */
function colour(variable) {
  const probe = at("charts");
  probe.style.color = `var(${variable})`;
  const { color } = getComputedStyle(probe);
  probe.style.color = "";
  return color;
}

const COLOURS = {
  hit: "--good", stale: "--accent", collapsed: "--blue", rescue: "--violet",
  revalidated: "--edge", miss: "--ink", bypass: "--muted", error: "--bad",
};
