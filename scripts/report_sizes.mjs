// Code of the built site, gzipped: fails where every visitor would fetch too much. node report_sizes.mjs FOLDER

import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'

// Every family of models, GGUF and its tokenizers in one wasm: 376,000 before one way to run them all, and before
// anything could be changed in a run, which takes 20,000 of the rest.
const LIMIT = 412_000
/** Chat templates come with the first chat, the second tab and all panels but the first when they are opened. */
const ON_DEMAND = /^(chat|Write|Choices|EncoderAttention|SelfAttention|RingView|decoder)-/

const [folder] = process.argv.slice(2)
const files = readdirSync(folder, { recursive: true })
const code = files.filter((file) => /\.(js|wasm|css|html)$/.test(file)).sort()
let total = 0
let later = 0
for (const file of code) {
  const path = join(folder, file)
  const bytes = gzipSync(readFileSync(path), { level: 9 }).length
  const isLater = ON_DEMAND.test(basename(file))
  if (isLater) later += bytes
  else total += bytes
  console.error(`${String(bytes).padStart(9)}  ${path}${isLater ? ', on demand' : ''}`)
}
console.error(`${String(later).padStart(9)}  bytes of code on demand, gzipped`)
console.error(
  `${String(total).padStart(9)}  bytes of code for every visitor, gzipped (limit ${LIMIT})`,
)
if (total >= LIMIT) {
  console.error(`build.sh: the code has grown over ${LIMIT} bytes gzipped`)
  process.exit(1)
}
