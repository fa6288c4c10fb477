// Purges, soft by default, with a preview of what they will match.

import { order, token } from "./api.js";
import { at, complain, figure, number, plural } from "./words.js";

/** Prepares the form. `hot` tells what is hot, as far as that is known; `done` is called after a
 * purge, and `refused` when the token was not accepted. */
export function preparePurge({ hot, done, refused }) {
  const explain = () => {
    const kind = KINDS[at("kind").value];
    at("values-label").textContent = kind.label;
    at("values-hint").textContent = kind.hint;
  };
  at("kind").addEventListener("change", explain);
  explain();
  at("preview").addEventListener("click", () => preview(hot()));
  at("purge").addEventListener("submit", (event) => {
    event.preventDefault();
    if (at("send").getAttribute("aria-disabled") !== "true") purge(done, refused);
  });
}

function wanted() {
  complain("values", "");
  outcome("", "");
  at("matches").textContent = "";
  const kind = at("kind").value;
  const values = at("values").value.split("\n").map((line) => line.trim()).filter(Boolean);
  if (values.length === 0) complain("values", `Nothing to purge: ${KINDS[kind].hint}`);
  return { kind, values };
}

function preview(stats) {
  const { kind, values } = wanted();
  if (values.length === 0) return;
  if (stats === null) {
    at("matches").textContent = "What it will match can only be shown with a token.";
    return;
  }
  const urls = stats.top?.urls?.byRequests ?? [];
  const tags = stats.top?.tags?.byRequests ?? [];
  const url = urls.filter(({ label }) => values.some((value) => matchesUrl(kind, value, label)));
  const tag = tags.filter(({ label }) => values.some((value) => matchesTag(kind, value, label)));
  const requests = (rows) => rows.reduce((sum, row) => sum + row.requests, 0);
  const names = (rows) => rows.slice(0, 5).map(({ label }) => label).join(", ")
    + (rows.length > 5 ? ", …" : "");
  const lines = [];
  if (url.length > 0) {
    lines.push(`${plural(url.length, "URL", "URLs")} with `
      + `${plural(requests(url), "request", "requests")}: ${names(url)}.`);
  }
  if (tag.length > 0) {
    lines.push(`${plural(tag.length, "tag", "tags")} on answers to `
      + `${plural(requests(tag), "request", "requests")}: ${names(tag)}.`);
  }
  const scope = `Of the ${figure(urls.length)} hottest URLs and ${figure(tags.length)} hottest tags`;
  at("matches").textContent = lines.length > 0 ? `${scope} it matches ${lines.join(" And ")}`
    : `${scope} it matches none. What is asked for seldom may match all the same.`;
}

function matchesUrl(kind, value, label) {
  const bare = label.replace(/^https?:\/\//, "");
  const path = bare.slice(bare.indexOf("/"));
  if (kind === "urls") return label === value;
  if (kind === "prefixes") return (value.startsWith("/") ? path : bare).startsWith(value);
  return kind === "patterns" && [label, bare, path].some((form) => glob(value).test(form));
}

function matchesTag(kind, value, label) {
  return kind === "tags" ? label === value : kind === "patterns" && glob(value).test(label);
}

function glob(pattern) {
  const literal = (text) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`^${pattern.split(/\*+/).map(literal).join(".*")}$`, "s");
}

async function purge(done, refused) {
  const { kind, values } = wanted();
  if (values.length === 0) return;
  if (token() === "") return refused("A token is needed to purge.");
  const soft = document.querySelector("[name=strength]:checked").value === "soft";
  at("send").setAttribute("aria-disabled", "true");
  try {
    const receipt = await order("/purge", { [kind]: values, soft });
    const what = values.length === 1 ? values[0] : `${values.length} ${KINDS[kind].many}`;
    const { sequence, scope, visible_in_ms: wait } = receipt;
    const told = sequence === undefined ? "" : ` (purge ${sequence})`;
    const when = number(wait) === null ? ""
      : `Visible ${SCOPES[scope] ?? ""} within ${figure(wait)} ms.`;
    outcome(`Purged ${soft ? "softly" : "hard"}: ${what}${told}. ${when}`, "");
    done();
  } catch (error) {
    if (error.status === 401 || error.status === 403) refused(error.message);
    else if (error.field?.startsWith(kind)) complain("values", error.message);
    else if (error.status > 0) outcome(`Not purged: ${error.message}`, "bad");
    else {
      const unknown = `Whether this was purged is not known: ${error.message}`;
      outcome(`${unknown} It is safe to repeat it.`, "bad");
    }
  } finally {
    at("send").removeAttribute("aria-disabled");
  }
}

function outcome(message, kind) {
  at("outcome").textContent = message;
  at("outcome").className = kind;
}

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

const SCOPES = { everywhere: "everywhere", "data-centre": "in this data centre" };
