// A command to the REST endpoint, and the status and bytes of its answer; undefined if the time
// passed before all of them were there. A timer that rings late says that this isolate is busy and
// not the store: the answer may have been here for long, so it is given as much time again.
// It is written with one promise beside that of `ask`, for each makes a hit dearer.
export function read(url, headers, body, patience, most) {
  return new Promise((resolve, reject) => {
    const planned = Date.now() + patience;
    let timer = setTimeout(() => {
      const again = Math.min(Date.now() - planned, patience);
      timer = setTimeout(resolve, Math.max(again, 0));
    }, patience);
    const ended = (settle) => (outcome) => {
      clearTimeout(timer);
      settle(outcome);
    };
    ask(url, headers, body, most).then(ended(resolve), ended(reject));
  });
}

async function ask(url, headers, body, most) {
  const answer = await fetch(url, { method: "POST", headers, body });
  const length = answer.headers.get("content-length");
  if (Number(length) > most) {
    await answer.body.cancel();
    return [answer.status];
  }
  if (length !== null && !answer.headers.has("content-encoding")) {
    return [answer.status, new Uint8Array(await answer.arrayBuffer())];
  }
  // How much comes is not known before: it is counted as it comes.
  const chunks = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.length;
    if (size > most) return [answer.status];
    chunks.push(chunk);
  }
  return [answer.status, new Uint8Array(await new Blob(chunks).arrayBuffer())];
}
