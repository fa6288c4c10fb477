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
  const head = row(["Tier", "State", "Age", "Fresh for", "Stale until", "Size"]);
  for (const cell of head.children) cell.outerHTML = `<th scope="col">${cell.textContent}</th>`;
  table.createTHead().append(head);
  const body = table.createTBody();
  body.append(...(told.tiers ?? []).map(tierRow));
  const scroll = element("div", undefined, "scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "Tiers that were looked in");
  scroll.append(table);
  const parts = [verdict, element("p", told.why), list];
  if ((told.tiers ?? []).length > 0) parts.push(scroll);
  parts.push(record(told.record));
  at("explanation").replaceChildren(...parts);
}

function tierRow(tier) {
  const { entry } = tier;
  if (!entry) return row([tier.tier, tier.fault ? `failed: ${tier.fault}` : tier.state, "–", "–", "–", "–"]);
  const state = entry.kind === "mark" ? `a mark: not storable, ${entry.marked ?? "reason unknown"}`
    : { clean: "stored", dead: "stored, purged", soft: "stored, purged softly",
      unknown: "stored; purges can’t be known" }[tier.standing];
  const left = entry.freshLeftMs > 0 ? `${span(entry.freshLeftMs)} more` : "stale";
  return row([tier.tier, state, span(entry.ageMs), left, span(entry.staleMs), bytes(entry.bytes)]);
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
