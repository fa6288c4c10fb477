// How often each rule's content changes, and which lifetime suits that.

import { at, element, figure, number, percent, plural, row, span } from "./words.js";

/** Shows a row for each rule whose content was compared with the origin's. */
export function showLifetimes(lifetimes, rules) {
  const rows = (lifetimes ?? []).map(({ rule, auto, advice, ...it }) => {
    const name = document.createDocumentFragment();
    name.append(rule === 0 ? "no rule" : `${rule}: ${rules?.[rule - 1] ?? "not known any more"}`);
    const changes = [`${plural(it.checks, "comparison", "comparisons")}: `,
      plural(it.silentChanges, "change", "changes"),
      it.announcedChanges > 0 ? `, and ${figure(it.announcedChanges)} that were purged` : ""];
    name.append(element("small", changes.join("")));
    const seconds = (value) => span(number(value) === null ? null : value * 1000);
    const share = (value) => percent(number(value));
    const saved = number(advice?.fetchesSaved);
    return row([name, [seconds(advice?.ttlNow), "number"],
      [auto ? "by itself" : seconds(advice?.ttl), "number"],
      [saved === null ? "–" : `${saved > 0 ? "−" : "+"}${percent(Math.abs(saved))}`, "number"],
      [`${share(advice?.staleNow)} → ${share(advice?.staleThen)}`, "number"]]);
  });
  at("lifetimes").hidden = rows.length === 0;
  at("lifetimes-missing").hidden = rows.length > 0;
  at("lifetimes").tBodies[0].replaceChildren(...rows);
}
