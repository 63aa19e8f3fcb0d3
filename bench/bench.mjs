// Speed and memory of the engine in headless Chrome, beside the adapter's own ceilings, in one run.

import { readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { launchChrome, openPage } from '../scripts/chrome.mjs'
import { serve } from '../scripts/serve.mjs'

const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const { values } = parseArgs({ options: { json: { type: 'string' } } })

const server = await serve({
  '/': { html: '<!doctype html><title>bench</title>' },
  '/bench/': path('.'),
  '/engine/': path('../npm/engine'),
})
const browser = await launchChrome()
let figures
try {
  const page = await openPage(browser, server.url)
  const say = (text) => console.error(`bench: ${text}`)
  say("the adapter's ceilings")
  const ceilings = await page.evaluate(async () =>
    (await import('/bench/ceilings.js')).measureCeilings())
  const runs = []
  for (const storage of ['int8', 'f16', 'f32']) {
    say(`decoding with ${storage} weights`)
    runs.push(await page.evaluate(async (storage) =>
      (await import('/bench/decode.js')).measureDecoding(storage), storage))
  }
  figures = {
    machine: { cpu: os.cpus()[0].model, cores: os.cpus().length, browser: browser.version() },
    ceilings,
    runs,
    code: codeBytes(),
  }
} finally {
  await browser.close()
  await server.close()
}
if (values.json) writeFileSync(values.json, JSON.stringify(figures, null, 2))
print(figures)

/** Bytes of the package's code, gzipped. */
function codeBytes() {
  const gzipped = (name) => gzipSync(readFileSync(path(`../npm/dist/${name}`)), { level: 9 }).length
  return {
    wasm: gzipped('glassformer_bg.wasm'),
    javascript: gzipped('index.js') + gzipped('worker.js'),
  }
}

function print({ machine, ceilings, runs, code }) {
  const [int8] = runs
  const { adapter } = int8
  console.log(`${adapter.name} in Chrome ${machine.browser}, ${machine.cores} × ${machine.cpu}`)
  console.log(`Ceilings: ${ceilings.gigaflops.toFixed(1)} GFLOP/s (vec4 multiply-add), ` +
    `${ceilings.gigabytes.toFixed(1)} GB/s (streaming read), ` +
    `${ceilings.dispatchMicroseconds.toFixed(0)} µs an empty dispatch of 4 workgroups`)
  const ratio = (value) => `${(value / int8.tokensPerSecond).toFixed(2)}`
  const rows = runs.flatMap((run) => [
    [`${run.storage}: tokens/s, alone`, run.tokensPerSecond.toFixed(0), ratio(run.tokensPerSecond)],
    [`${run.storage}: tokens/s, batch of 8`, run.batchTokensPerSecond.toFixed(0), ratio(run.batchTokensPerSecond)],
  ])
  const allocated = int8.allocatedBytes / int8.weightBytes
  table(['Decoding', 'figure', 'ratio'], [
    ...rows,
    ['load to first token, ms', int8.firstTokenMilliseconds.toFixed(0), ''],
    ['of which load, ms', int8.loadMilliseconds.toFixed(0), ''],
    ['dispatches a token', int8.dispatchesPerToken, ''],
    ['host µs a token', int8.hostMicrosecondsPerToken.toFixed(1), ''],
    ['bytes allocated, and per weight byte', int8.allocatedBytes, allocated.toFixed(2)],
    ['wasm, gzipped bytes', code.wasm, ''],
    ['JavaScript of the package, gzipped bytes', code.javascript, ''],
  ])
  for (const [batch, kernels] of Object.entries(int8.kernels)) {
    const total = kernels.reduce((sum, kernel) => sum + kernel.microseconds, 0)
    table([`Kernels of a step, batch of ${batch}, int8`, 'runs', 'µs each', 'share', 'GFLOP/s', 'of ceiling', 'GB/s of weights'],
      kernels.map((kernel) => {
        const each = kernel.microseconds / kernel.count
        const rate = kernel.operations / each / 1e3
        return [
          kernel.label, kernel.count, each.toFixed(0),
          `${(100 * kernel.microseconds / total).toFixed(0)} %`,
          rate ? rate.toFixed(2) : '', rate ? `${(100 * rate / ceilings.gigaflops).toFixed(0)} %` : '',
          kernel.weightBytes ? (kernel.weightBytes / each / 1e3).toFixed(2) : '',
        ]
      }))
  }
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  console.log(['', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n'))
}
