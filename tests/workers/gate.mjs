// Stands before the worker under test and hangs up on it when told: miniflare's own front does not pass on that a client has gone.
const gone = new Set();

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const call = searchParams.get("call");
    if (pathname === "/hang-up") {
      gone.add(call);
      return Response.json({});
    }
    const controller = new AbortController();
    let over = false;
    const watch = async () => {
      while (!over && !gone.has(call)) await new Promise((resolve) => setTimeout(resolve, 10));
      if (!over) controller.abort();
    };
    const watching = watch();
    try {
      const answer = await env.WORKER.fetch(request, { signal: controller.signal });
      return new Response(await answer.arrayBuffer(), answer);
    } catch (error) {
      return Response.json({ error: "gone", message: String(error) }, { status: 502 });
    } finally {
      over = true;
      await watching;
    }
  },
};
