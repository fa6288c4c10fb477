// Gives every isolate the site's one authority, as in production, where all data centres serve
// the same host: ports on this machine would make them different sites.
export default {
  fetch(request, env) {
    const url = new URL(request.url);
    url.host = env.HOST;
    return env.EDGE.fetch(new Request(url, request));
  },
};
