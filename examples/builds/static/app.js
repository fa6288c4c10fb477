// Shows in the footer how old this copy of the page is, and what the cache says of its URL.

const rendered = document.getElementById("rendered");
if (rendered) {
  const seconds = Math.round((Date.now() - Date.parse(rendered.dateTime)) / 1000);
  const age = document.getElementById("age");
  if (seconds >= 2) age.textContent = `This copy is ${span(seconds)} old.`;
}

ask().catch(() => {
  // Without an answer there is nothing to show; the page does not need it.
});

async function ask() {
  const response = await fetch(location.href, { method: "HEAD", redirect: "manual" });
  // There is nothing in it, but a response that is not read to its end counts as broken off.
  await response.text();
  const status = response.headers.get("Cache-Status");
  const row = document.getElementById("cache");
  if (!row || !status) return;
  // The last member is the cache nearest to the browser.
  const member = status.split(",").pop();
  const [, ...parameters] = member.split(";").map((part) => part.trim());
  const found = new Map(parameters.map((part) => {
    const [name, value = ""] = part.split("=");
    return [name, value.replaceAll('"', "")];
  }));
  const verdict = found.has("hit") ? "hit" : `forwarded, ${found.get("fwd") ?? "unknown"}`;
  const badge = document.getElementById("verdict");
  badge.textContent = verdict;
  badge.dataset.kind = found.has("hit") ? "hit" : "forward";
  const age = response.headers.get("Age");
  const details = [];
  const detail = found.get("detail");
  if (detail && detail !== "hit") details.push(detail);
  if (age !== null) details.push(`age ${span(Number(age))}`);
  if (found.has("ttl")) details.push(`fresh for ${span(Number(found.get("ttl")))}`);
  document.getElementById("detail").textContent = details.join(", ");
  row.hidden = false;
}

function span(seconds) {
  if (seconds < 0) return `−${span(-seconds)}`;
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
