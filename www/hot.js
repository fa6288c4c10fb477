// What is hot, and what happens.

import { at, bar, bytes, element, figure, plural, row, span, VERDICTS } from "./words.js";

/** Shows the rows of a rank; `look` is called with a URL that is to be explained. */
export function showTop(stats, look) {
  const subject = at("subject").value;
  const rows = stats.top?.[subject]?.[at("rank").value] ?? [];
  at("top").hidden = rows.length === 0;
  at("top-label").textContent = { urls: "URL", tags: "Tag", rules: "Rule" }[subject];
  const since = stats.since ? new Date(stats.since).toLocaleTimeString() : "";
  at("top-words").textContent = rows.length === 0
    ? "Nothing has been counted yet."
    : `Counted by ${plural(stats.isolates ?? 0, "isolate", "isolates")}, each for up to an hour, `
      + `since ${since}; seldom asked things may be counted too low.`;
  at("top").tBodies[0].replaceChildren(...rows.map((it) => row([
    label(subject, it.label, stats.rules, look), [figure(it.requests), "number"],
    [figure(it.misses), "number"], [bytes(it.bytes), "number"], verdicts(it),
  ])));
}

function label(subject, text, rules, look) {
  if (subject === "rules") {
    const rule = rules?.[Number(text) - 1];
    return text === "0" ? "no rule" : `${text}: ${rule ?? "not known any more"}`;
  }
  if (subject !== "urls") return text;
  const button = element("button", short(text), "link");
  button.type = "button";
  button.title = `Explain ${text}`;
  button.addEventListener("click", () => look(text));
  return button;
}

/** A URL of this site by its path. */
function short(url) {
  return url.startsWith(`${location.origin}/`) ? url.slice(location.origin.length) : url;
}

function verdicts({ requests, verdicts: counts }) {
  const cell = document.createDocumentFragment();
  const parts = [...VERDICTS].filter(([name]) => counts?.[name] > 0);
  cell.append(bar(parts.map(([name, { kind }]) => [counts[name] / requests, kind])),
    element("small", parts.map(([name]) => `${figure(counts[name])} ${name}`).join(", ")));
  return cell;
}

export function showLive(stats) {
  const requests = (stats.requests ?? []).map((it) => ({ ...it, kind: "request" }));
  const purges = (stats.purges ?? []).map((it) => ({ ...it, kind: "purge" }));
  const all = [...requests, ...purges].sort((a, b) => b.at - a.at).slice(0, 40);
  at("live").hidden = all.length === 0;
  at("live-missing").hidden = all.length > 0;
  at("live").tBodies[0].replaceChildren(...all.map((it) => (it.kind === "purge" ? row([
    new Date(it.at).toLocaleTimeString(), [element("b", "purge"), ""], `token ${it.token}`,
    ["", "number"], `${it.records} (purge ${it.sequence})`,
  ]) : row([
    new Date(it.at).toLocaleTimeString(),
    it.reason ? `${it.verdict}: ${it.reason}` : it.verdict, it.source,
    [span(Number(it.took)), "number"], `${it.status} ${short(it.url ?? "")}`,
  ]))));
}
