// A Worker that uses the cache of another by a service binding.
import { Breadbox, told } from "./index.js";

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const cache = new Breadbox({ binding: env.BREADBOX, url: "http://site.test", token: env.TOKEN });
    if (request.method === "POST") {
      return Response.json(await cache.purge(await request.json(), { wait: true }));
    }
    if (pathname === "/explained") {
      return Response.json(await cache.explain("/page"));
    }
    const page = await cache.fetch(pathname);
    return Response.json({ text: await page.text(), ...told(page) });
  },
};
