// The least a Worker can do: a constant.
const BODY = "x".repeat(1024);

export default {
  fetch() {
    return new Response(BODY);
  },
};
