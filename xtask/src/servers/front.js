// Gives every isolate the site's one authority, as in production, where all data centres serve
// the same host: ports on this machine would make them different sites.
export default {
  fetch(request, env) {
    const url = new URL(request.url);
    // An authority without a port would leave the old one.
    url.port = "";
    url.host = env.HOST;
    return env.EDGE.fetch(new Request(url, request));
  },
};
