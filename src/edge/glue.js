// Crossings into Rust and back that would cost more one by one.

// Fields as alternating lines of names and values; neither can hold a line feed.
export function fields(headers) {
  let text = "";
  // Cheaper than an iterator, which makes an array of each field.
  headers.forEach((value, name) => {
    text += `${name}\n${value}\n`;
  });
  return text;
}

// The reverse; a field that the platform does not take costs only itself.
export function headers(text) {
  const made = new Headers();
  each(text, (name, value) => {
    try {
      made.append(name, value);
    } catch {}
  });
  return made;
}

// A response with these fields, whose body travels with the coding that it came in.
export function response(body, status, text) {
  const init = { status, headers: {}, encodeBody: "manual" };
  let plain = true;
  each(text, (name, value) => {
    plain &&= !(name in init.headers);
    init.headers[name] = value;
  });
  if (plain) {
    try {
      return new Response(body, init);
    } catch {}
  }
  init.headers = headers(text);
  return new Response(body, init);
}

function each(text, told) {
  let at = 0;
  while (at < text.length) {
    const name = text.indexOf("\n", at);
    const value = text.indexOf("\n", name + 1);
    told(text.slice(at, name), text.slice(name + 1, value));
    at = value + 1;
  }
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
