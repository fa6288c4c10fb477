// Crossings into Rust and back that would cost more one by one.

// Fields as alternating lines of names and values; neither can hold a line feed.
export function fields(headers) {
  let text = "";
  for (const [name, value] of headers) {
    text += `${name}\n${value}\n`;
  }
  return text;
}

// The reverse; a field that the platform does not take costs only itself.
export function headers(text) {
  const made = new Headers();
  let at = 0;
  while (at < text.length) {
    const name = text.indexOf("\n", at);
    const value = text.indexOf("\n", name + 1);
    try {
      made.append(text.slice(at, name), text.slice(name + 1, value));
    } catch {}
    at = value + 1;
  }
  return made;
}

// What stands for an event's context where what is left for later is to be waited for.
export function attendant() {
  const left = [];
  return {
    waitUntil(promise) {
      left.push(promise);
    },
    async settled() {
      while (left.length > 0) {
        await Promise.allSettled(left.splice(0));
      }
    },
  };
}
