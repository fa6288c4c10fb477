// Prints one line per case that applies to a reverse proxy: suite, id, kind. The arguments are
// modules of the suite: lists of parts, or single parts.
import { pathToFileURL } from 'node:url'

for (const module of process.argv.slice(2)) {
  const { default: parts } = await import(pathToFileURL(module))
  for (const part of [parts].flat()) {
    for (const test of part.tests) {
      if (test.browser_only !== true) {
        console.log([part.id, test.id, test.kind ?? 'required'].join('\t'))
      }
    }
  }
}
