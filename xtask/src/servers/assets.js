// Serves a directory the way Cloudflare's static assets do, over workerd's disk service,
// which knows neither media types nor index pages.
const TYPES = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  webp: "image/webp",
  woff2: "font/woff2",
};

async function file(env, path) {
  const found = await env.DISK.fetch("http://disk" + path);
  const listing = found.headers.get("content-type") === "application/json" && !path.endsWith(".json");
  return found.ok && !listing ? found : null;
}

export default {
  async fetch(request, env) {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("Method Not Allowed", { status: 405, headers: { allow: "GET, HEAD" } });
    }
    const { pathname } = new URL(request.url);
    const candidates = pathname.endsWith("/")
      ? [pathname + "index.html"]
      : [pathname, pathname + ".html", pathname + "/index.html"];
    for (const path of candidates) {
      const found = await file(env, path);
      if (!found) continue;
      const type = TYPES[path.split(".").pop()] ?? "application/octet-stream";
      const headers = { "content-type": type, "cache-control": "public, max-age=0, must-revalidate" };
      return new Response(request.method === "HEAD" ? null : found.body, { headers });
    }
    return new Response("Not Found", { status: 404 });
  },
};
