// Prints one line per case that applies to a reverse proxy: suite, id, kind.
import suites from 'http-cache-tests/tests/index.mjs'
import surrogates from 'http-cache-tests/tests/surrogate-control.mjs'

for (const suite of [...suites, surrogates]) {
  for (const test of suite.tests) {
    if (test.browser_only !== true) {
      console.log([suite.id, test.id, test.kind ?? 'required'].join('\t'))
    }
  }
}
