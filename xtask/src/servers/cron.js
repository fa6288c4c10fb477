// Fires the scheduled event of a Worker: workerd has no clock for cron triggers.
export default {
  async fetch(request, env) {
    const cron = new URL(request.url).searchParams.get("cron") ?? "* * * * *";
    const outcome = await env.WORKER.scheduled({ cron, scheduledTime: Date.now() });
    return Response.json(outcome);
  },
};
