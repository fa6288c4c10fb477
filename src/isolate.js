// What a promise is settled with; undefined if that takes longer than so many milliseconds.
export function within(promise, span) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, span);
    const ended = (settle) => (outcome) => {
      clearTimeout(timer);
      settle(outcome);
    };
    promise.then(ended(resolve), ended(reject));
  });
}
