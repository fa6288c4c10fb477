// The bytes of a stored value, straight from the REST gateway: the least a Redis hit can cost.
export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    const answer = await fetch(env.REDIS_REST_URL, {
      method: "POST",
      headers: {
        "authorization": `Bearer ${env.REDIS_REST_TOKEN}`,
        "content-type": "application/json",
        "upstash-response-format": "resp2",
      },
      body: JSON.stringify(["GET", `bare:${path}`]),
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    // `$<length>\r\n<bytes>\r\n`
    const start = bytes.indexOf(10) + 1;
    return new Response(bytes.subarray(start, bytes.length - 2), {
      headers: { "content-type": "text/html; charset=utf-8" },
    });
  },
};
