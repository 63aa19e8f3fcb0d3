// Speed and memory of the engine in headless Chrome, beside peers and the adapter's own ceilings, in one run.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { launchChrome, openPage } from '../scripts/chrome.mjs'
import { fetchSmolLM2 } from '../scripts/fetch_smollm2.mjs'
import { serve } from '../scripts/serve.mjs'
import { writeGpt2 } from './gpt2_onnx.mjs'
import { GPT2 } from './random_model.js'
import { print } from './report.mjs'

const PARTS = { marian: measureMarian, smollm2: measureSmolLM2, gpt2: measureGpt2, poems: measurePoems }
// The token of a long text whose step is held against an early one.
const POSITIONS = [400, 4000]
const POEMS = 'models/tang-poems/'

const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const threads = Math.min(4, os.cpus().length)
const { values } = parseArgs({
  options: { json: { type: 'string' }, only: { type: 'string', default: Object.keys(PARTS).join() } },
})
const parts = values.only.split(',')
const unknown = parts.find((part) => !Object.hasOwn(PARTS, part))
if (unknown) {
  console.error(`bench: ${unknown} is none of ${Object.keys(PARTS).join(', ')}`)
  process.exit(2)
}

const onnx = mkdtempSync(join(os.tmpdir(), 'glassformer-bench-'))
const smollm2 = parts.includes('smollm2') ? await fetchSmolLM2() : ''
const isolated = {
  // What threads of WebAssembly, which the peers use, depend on.
  'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp',
}
const server = await serve({
  '/': { html: '<!doctype html><title>bench</title><link rel="icon" href="data:,">' },
  '/bench/': path('.'),
  '/engine/': path('../npm/engine'),
  '/models/': path('../models'),
  '/files/': join(smollm2, '..'),
  '/onnx/': onnx,
  '/wllama/': path('node_modules/@wllama/wllama'),
  '/transformers/': path('node_modules/@huggingface/transformers/dist'),
  '/onnxruntime/': path('node_modules/onnxruntime-web/dist'),
}, 0, isolated)
const browser = await launchChrome()
const figures = {
  machine: { cpu: os.cpus()[0].model, cores: os.cpus().length, browser: browser.version() },
  code: codeBytes(),
}
try {
  say("the adapter's ceilings")
  figures.ceilings = await call('ceilings.js', 'measureCeilings')
  figures.machine.adapter = figures.ceilings.adapter
  for (const part of parts) figures[part] = await PARTS[part]()
} finally {
  await browser.close()
  await server.close()
  rmSync(onnx, { recursive: true })
}
if (values.json) writeFileSync(values.json, JSON.stringify(figures, null, 2))
print(figures)

function say(text) {
  console.error(`bench: ${text}`)
}

/** What a function of a module gives, in a page of its own: what it leaves behind is gone with it. */
async function call(module, name, argument) {
  const page = await openPage(browser, server.url)
  try {
    return await page.evaluate(async ([module, name, argument]) =>
      (await import(`/bench/${module}`))[name](argument), [module, name, argument])
  } finally {
    await page.close()
  }
}

async function measureMarian() {
  const runs = []
  for (const storage of ['int8', 'f16', 'f32']) {
    say(`translating with ${storage} weights`)
    runs.push(await call('decode.js', 'measureDecoding', storage))
  }
  return runs
}

async function measureSmolLM2() {
  say('SmolLM2, in turn with wllama')
  const { file, cases } = JSON.parse(readFileSync(path('../tests/golden/smollm2.json')))
  const [story, article] = ['story', 'article'].map((name) => cases.find((one) => one.name === name))
  const options = { url: `/files/${file}`, story, article, threads, positions: POSITIONS }
  return call('generate.js', 'measureSmolLM2', options)
}

async function measureGpt2() {
  say('GPT-2 124M')
  const ours = await call('generate.js', 'measureGpt2', 'int8')
  writeGpt2(join(onnx, 'gpt2'), GPT2)
  const peers = []
  for (const [device, dtype] of [['wasm', 'q8'], ['wasm', 'fp32'], ['webgpu', 'fp32']]) {
    say(`GPT-2 124M, transformers.js on ${device}, ${dtype}`)
    // A step on WebGPU takes half a minute on the software adapter.
    const options = { device, dtype, threads, steps: device === 'wasm' ? 24 : 1 }
    peers.push(await call('transformers.js', 'measureTransformers', options)
      .catch((error) => ({ device, dtype, failure: error.message.split('\n')[0] })))
  }
  return { ours, peers }
}

async function measurePoems() {
  if (!existsSync(path(`../${POEMS}model.safetensors`))) return null
  say('poems')
  return call('generate.js', 'measureFolder', `/${POEMS}`)
}

/** Bytes of the package's code, gzipped. */
function codeBytes() {
  const gzipped = (name) => gzipSync(readFileSync(path(`../npm/dist/${name}`)), { level: 9 }).length
  return {
    wasm: gzipped('glassformer_bg.wasm'),
    javascript: gzipped('index.js') + gzipped('worker.js'),
  }
}
