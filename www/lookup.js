// Why a URL is cached, or why not.

import { ask } from "./api.js";
import { at, bytes, complain, element, row, span } from "./words.js";

export function prepareLookup() {
  at("look").addEventListener("submit", (event) => {
    event.preventDefault();
    explain();
  });
}

/** Explains a URL; called from elsewhere on the page. */
export function look(url) {
  at("url").value = url;
  at("look-title").scrollIntoView({ behavior: "smooth" });
  explain();
}

async function explain() {
  complain("url", "");
  complain("fields", "");
  const text = at("url").value.trim();
  if (text === "") return complain("url", "Which URL?");
  let url;
  try {
    url = new URL(text, location.origin).href;
  } catch {
    return complain("url", "This is not a URL.");
  }
  const fields = at("fields").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const query = [["url", url], ["probe", at("probe").checked ? "absent" : "never"],
    ...fields.map((field) => ["header", field])];
  at("explanation").replaceChildren(element("p", "Looking…", "muted"));
  try {
    show(await ask("/entries", query));
  } catch (error) {
    at("explanation").replaceChildren();
    complain(error.field === "header" ? "fields" : "url", `Not explained: ${error.message}`);
  }
}

function show(told) {
  const verdict = element("p", undefined, "verdict");
  verdict.append(element("b", told.verdict ?? "not served from the cache"),
    told.reason ? `, ${told.reason}` : "");
  const facts = [
    ["Key", told.key],
    ["Rule", told.rule ? `${told.rule.number}: ${JSON.stringify(told.rule.written)}` : "none matches"],
    ["Tags", (told.tags ?? []).join(", ") || "none"],
  ];
  const list = element("dl");
  for (const [name, value] of facts) list.append(element("dt", name), element("dd", value));
  const table = element("table");
  const head = row(["Tier", "State", "Age", "Fresh for", "Served up to the age of", "Size"]);
  for (const cell of head.children) cell.outerHTML = `<th scope="col">${cell.textContent}</th>`;
  table.createTHead().append(head);
  const body = table.createTBody();
  body.append(...(told.tiers ?? []).map(tierRow));
  const scroll = element("div", undefined, "scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "Tiers that were looked in");
  scroll.append(table);
  const parts = [verdict, element("p", told.why), ...advice(told), list];
  if ((told.tiers ?? []).length > 0) parts.push(scroll);
  parts.push(record(told.record));
  at("explanation").replaceChildren(...parts);
}

/** What mends it, if there is something to mend. */
function advice({ reason, tiers = [] }) {
  const marked = tiers.map((tier) => tier.entry?.marked).find(Boolean);
  const text = ADVICE[marked ?? reason] ?? ADVICE[reason];
  return text === undefined ? [] : [element("p", text, "advice")];
}

function tierRow(tier) {
  const { entry } = tier;
  const name = TIERS[tier.tier] ?? tier.tier;
  if (!entry) return row([name, tier.fault ? `failed: ${tier.fault}` : tier.state, "–", "–", "–", "–"]);
  const state = entry.kind === "mark" ? `a mark: not storable, ${entry.marked ?? "reason unknown"}`
    : { clean: "stored", dead: "stored, purged", soft: "stored, purged softly",
      unknown: "stored; purges can’t be known" }[tier.standing];
  const left = tier.standing === "dead" ? "–" : entry.freshLeftMs > 0 ? `${span(entry.freshLeftMs)} more` : "stale";
  return row([name, state, span(entry.ageMs), left, span(entry.staleMs), bytes(entry.bytes)]);
}

/** All that the decision depends on, to be replayed with `breadbox replay`. */
function record(told) {
  const text = JSON.stringify(told, null, 2);
  const details = element("details");
  const link = element("a", "Download it");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "breadbox-record.json";
  const hint = element("p", "All that the decision depends on: ", "hint");
  hint.append(element("code", "breadbox replay breadbox-record.json"),
    " comes to the same actions. ", link);
  const pre = element("pre", text);
  pre.tabIndex = 0;
  details.append(element("summary", "The record"), hint, pre);
  return details;
}

const TIERS = { memory: "Memory", platform: "Platform cache", shared: "Redis" };

/** By reason, as docs/troubleshooting.md has it. */
const ADVICE = {
  "absent": "Nothing is wrong if nobody has asked for this URL before. If many URLs differ in their "
    + "query alone, have a rule fold them: query = { ignore = [\"utm_*\"], sort = true }.",
  "authorization": "If the answer is for everybody, the origin has to say so: Cache-Control: public.",
  "max-age": "The client asks for this. To answer it from the cache: client_directives = \"ignore\" "
    + "in a rule.",
  "no-lifetime": "The origin does not say how long the answer may be kept. Say it in a rule, "
    + "ttl = \"5m\", or at the origin, Cache-Control: s-maxage=300.",
  "no-store": "The origin forbids it. If it is wrong: cache = \"force\" with ignore = [\"no-store\"] "
    + "in a rule.",
  "origin-unreachable": "Look after the origin; pages that may be served stale are served meanwhile.",
  "private": "The origin says that the answer is for one user. If it is wrong, mend it there.",
  "purged": "Somebody has purged it: “What happens” shows by what. The next request stores it again.",
  "request-no-cache": "The client asks for this. To answer it from the cache: "
    + "client_directives = \"ignore\" in a rule.",
  "rule": "The rule below says so. The first one that matches decides: put a narrower one above it.",
  "set-cookie": "The origin sets a cookie with it. Stop that, or drop the cookie: cache = \"force\" "
    + "with ignore = [\"set-cookie\"] in a rule.",
  "too-large": "The body is larger than what is kept: max_body in a rule.",
  "vary-any": "The origin varies by what no cache can see (Vary: *): mend it there.",
};
