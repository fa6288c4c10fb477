// Words and figures: how numbers are written, what verdicts mean, and the page's elements.

export const at = (id) => document.getElementById(id);

/** The verdicts in the order of tables, what they mean, and who answered. */
export const VERDICTS = new Map(Object.entries({
  hit: { kind: "cache", meaning: "fresh, from the cache" },
  stale: { kind: "cache", meaning: "stale, while it was refreshed" },
  collapsed: { kind: "cache", meaning: "shared another request’s fetch" },
  rescue: { kind: "cache", meaning: "stale, because the origin failed" },
  revalidated: { kind: "", meaning: "the origin said it is unchanged" },
  miss: { kind: "", meaning: "from the origin" },
  bypass: { kind: "", meaning: "not for the cache" },
  error: { kind: "fault", meaning: "neither could answer" },
}));

export function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function figure(value, digits = 0) {
  return value.toLocaleString(undefined, { maximumFractionDigits: digits });
}

export function plural(amount, one, many) {
  return `${figure(amount)} ${amount === 1 ? one : many}`;
}

export function percent(share) {
  if (share === null) return "–";
  if (share > 0 && share < 0.0005) return "<\u00a00.1%";
  return share.toLocaleString(undefined, SHARE);
}

export function bytes(count) {
  const step = ["B", "KB", "MB", "GB", "TB"].findIndex((_, n) => count < 1024 ** (n + 1));
  const [unit, power] = step < 0 ? ["TB", 4] : [["B", "KB", "MB", "GB", "TB"][step], step];
  return `${figure(count / 1024 ** power, power === 0 ? 0 : 1)}\u00a0${unit}`;
}

/** A span of milliseconds. */
export function span(millis) {
  if (millis === null) return "–";
  if (millis < 0) return `−${span(-millis)}`;
  if (millis < 1000) return `${figure(millis, 1)}\u00a0ms`;
  const seconds = Math.round(millis / 1000);
  if (seconds < 120) return `${figure(millis / 1000, 1)}\u00a0s`;
  if (seconds < 7200) return `${figure(Math.round(seconds / 60))}\u00a0min`;
  if (seconds < 172_800) return `${figure(seconds / 3600, 1)}\u00a0h`;
  return `${figure(Math.round(seconds / 86_400))}\u00a0days`;
}

export function element(name, text, className = "") {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** A table's row: the first cell is its heading; each cell is a text, or a node, or both of these
 * and a class. */
export function row(cells) {
  const line = document.createElement("tr");
  for (const [n, cell] of cells.entries()) {
    const [content, className] = Array.isArray(cell) ? cell : [cell, ""];
    const made = element(n === 0 ? "th" : "td", undefined, className);
    if (n === 0) made.scope = "row";
    made.append(content);
    line.append(made);
  }
  return line;
}

/** A list of shares as one bar. */
export function bar(parts) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "bar");
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  let from = 0;
  for (const [share, kind] of parts) {
    const rect = document.createElementNS(SVG, "rect");
    rect.setAttribute("class", kind);
    rect.setAttribute("x", String(from));
    rect.setAttribute("width", String(share * 100));
    rect.setAttribute("height", "10");
    from += share * 100;
    svg.append(rect);
  }
  return svg;
}

/** Writes only what has changed, so that nothing is read aloud again and again. */
export function write(id, text, kind) {
  const line = at(id);
  if (line.textContent !== text) line.textContent = text;
  if (kind !== undefined) line.className = `figure ${kind}`;
}

export function complain(id, message) {
  at(`${id}-wrong`).textContent = message;
  at(id).setAttribute("aria-invalid", String(message !== ""));
  if (message !== "") at(id).focus();
}

const SHARE = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 };
const SVG = "http://www.w3.org/2000/svg";
