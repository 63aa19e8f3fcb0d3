// TextGenerator as a visitor gets it: the shipped poems and a chat model's GGUF, in headless Chrome.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fetchSmolLM2 } from '../scripts/fetch_smollm2.mjs'
import { assertWorkers, openProject, ROOT } from './support/project.mjs'

const POEMS = join(ROOT, 'models/tang-poems')
const PROMPT = '床前明月光，'
const GOLDEN = JSON.parse(readFileSync(join(ROOT, 'tests/golden/smollm2.json')))

/** Put in front of the worker's code: leaves the engine's memory, which never shrinks, to be read. */
const WATCH = `{
  const { instantiateStreaming } = WebAssembly
  WebAssembly.instantiateStreaming = async (...all) => {
    const made = await instantiateStreaming.apply(WebAssembly, all)
    globalThis.memory = made.instance.exports.memory
    return made
  }
}`

let project
let page
let smol

before(async () => {
  const file = await fetchSmolLM2()
  smol = `/smol/${basename(file)}`
  project = await openProject({ mounts: { '/poems/': POEMS, '/smol/': dirname(file) } })
  page = project.page
  await page.evaluate(async () => (globalThis.generator = await TextGenerator.load('/poems')))
})

after(() => project?.close())

const generate = (prompt, options = {}) =>
  page.evaluate(
    async ([prompt, options]) => {
      const steps = await globalThis.steps(globalThis.generator.generate(prompt, options))
      const plain = ({ site, shape, data }) => ({ site, shape, data: Array.from(data) })
      const bare = (step) => (step.trace ? { ...step, trace: step.trace.map(plain) } : step)
      return steps.map(bare)
    },
    [prompt, options],
  )
const failing = (prompt, options) =>
  page.evaluate(
    ([prompt, options]) =>
      globalThis.failure(globalThis.steps(globalThis.generator.generate(prompt, options))),
    [prompt, options],
  )
const ids = (steps) => steps.slice(1).map(({ token }) => token.id)
const sum = (values) => values.reduce((a, b) => a + b, 0)

/** The ids that the native program writes. */
function native(...args) {
  const program = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'release/glassformer')
  const out = execFileSync(program, ['generate', '--ids', '--model', POEMS, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  })
  return out.trim().split(/\s+/).map(Number)
}

test('greedily it writes what the native program writes, and each step adds up', async () => {
  const [prompt, ...steps] = await generate(PROMPT, { maxTokens: 40 })
  assert.equal(prompt.phase, 'prompt')
  const read = prompt.tokens.map(({ text, special }) => (special ? '' : text)).join('')
  assert.equal(read, PROMPT)
  assert.deepEqual(ids([prompt, ...steps]), native('--greedy', '--tokens', '40', PROMPT))
  for (const [index, step] of steps.entries()) {
    assert.equal(step.position, prompt.tokens.length - 1 + index)
    assert.deepEqual(step.input, index > 0 ? steps[index - 1].token : prompt.tokens.at(-1))
    assert.equal(step.candidates[0].id, step.token.id, 'greedy takes the best')
    const listed = sum(step.candidates.map(({ probability }) => probability))
    assert.ok(Math.abs(listed + step.rest - 1) < 1e-4)
    assert.equal(step.ring.positions[step.ring.written], step.position)
    assert.equal(step.ring.sinks, 0)
  }
  const joined = steps.map(({ token }) => (token.special ? '' : token.text)).join('')
  assert.equal(steps.at(-1).text, joined)
})

test('a seed draws the same tokens each time, here and natively; another draws others', async () => {
  const options = { maxTokens: 30, temperature: 0.9, topK: 50, topP: 0.95, seed: 7 }
  const first = ids(await generate(PROMPT, options))
  assert.deepEqual(ids(await generate(PROMPT, options)), first)
  const flags = ['--temperature', '0.9', '--top-k', '50', '--top-p', '0.95', '--seed', '7']
  assert.deepEqual(native(...flags, '--tokens', '30', PROMPT), first)
  assert.notDeepEqual(ids(await generate(PROMPT, { ...options, seed: 8 })), first)
})

test('cuts show in the candidates, and choosing again from kept logits agrees with them', async () => {
  const sampling = { temperature: 0.8, topK: 5, seed: 3 }
  const traced = { ...sampling, trace: ['logits'], maxTokens: 6 }
  const [prompt, ...steps] = await generate(PROMPT, traced)
  const history = prompt.tokens.map(({ id }) => id)
  for (const { trace, token, candidates } of steps) {
    const drawn = candidates.filter(({ sampled }) => sampled > 0)
    assert.equal(drawn.length, 5)
    assert.ok(Math.abs(sum(drawn.map(({ sampled }) => sampled)) - 1) < 1e-3)
    const [again, greedy] = await page.evaluate(
      ([logits, history, sampling]) => {
        const reconsider = (sampling) =>
          globalThis.generator.reconsider(Float32Array.from(logits), history, sampling)
        return Promise.all([reconsider(sampling), reconsider({})])
      },
      [trace[0].data, history, sampling],
    )
    assert.equal(again.token.id, token.id, 'the same choice again')
    assert.deepEqual(again.candidates, candidates)
    assert.equal(greedy.token.id, candidates[0].id)
    history.push(token.id)
  }
})

test('a text goes on from tokens of the caller’s', async () => {
  const [, ...steps] = await generate(PROMPT, { maxTokens: 12 })
  const continuation = steps.slice(0, 5).map(({ token }) => token.id)
  const [prompt, ...rest] = await generate(PROMPT, { maxTokens: 7, continuation })
  assert.equal(prompt.tokens.at(-1).id, continuation.at(-1))
  assert.deepEqual(
    rest.map(({ token }) => token.id),
    steps.slice(5).map(({ token }) => token.id),
  )
  assert.equal(rest.at(-1).text, steps.at(-1).text)
})

test('two texts at once do not disturb each other; leaving and aborting free what they held', async () => {
  const alone = [ids(await generate(PROMPT, { maxTokens: 20 })), ids(await generate('五律', {}))]
  const found = await page.evaluate(async (prompt) => {
    const { generator } = globalThis
    const bytes = () => generator.allocatedBytes()
    const before = await bytes()
    const all = await Promise.all([
      globalThis.steps(generator.generate(prompt, { maxTokens: 20 })),
      globalThis.steps(generator.generate('五律', {})),
    ])
    for await (const step of generator.generate(prompt)) if (step.phase === 'write') break
    const left = await globalThis.settled(bytes, before)
    const controller = new AbortController()
    const { signal } = controller
    const aborted = await globalThis.failure(
      (async () => {
        for await (const step of generator.generate(prompt, { signal }))
          if (step.phase === 'write') controller.abort()
      })(),
    )
    return { before, all, left, name: aborted.name, after: await globalThis.settled(bytes, before) }
  }, PROMPT)
  assert.deepEqual(found.all.map(ids), alone)
  assert.deepEqual([found.left, found.after], [found.before, found.before])
  assert.equal(found.name, 'AbortError')
})

test('prompts that can’t be, and options out of range', async () => {
  const cases = [
    [null, {}, /text or messages, found null/],
    [[{ role: 'user', content: 'x' }], {}, /no chat template/],
    [[], {}, /at least one message/],
    ['月'.repeat(400), {}, /at most \d+ tokens/],
    ['月'.repeat(1e6), {}, /at most \d+ tokens/],
    [PROMPT, { candidates: 65 }, /candidates/],
    [PROMPT, { temperature: -1 }, /temperature/],
    [PROMPT, { temperature: NaN }, /temperature|null/],
    [PROMPT, { topP: 2 }, /top.p/i],
    [PROMPT, { maxTokens: 0 }, /maxTokens/],
    [PROMPT, { ringCapacity: 3 }, /ring/],
    [PROMPT, { continuation: [1e9] }, /continuation/],
  ]
  for (const [prompt, options, pattern] of cases) {
    const found = await failing(prompt, options)
    assert.equal(found.code, 'input', JSON.stringify([prompt, options]).slice(0, 80))
    assert.match(found.message, pattern)
  }
  const nearest = await failing(PROMPT, { trace: ['decoder.0.self_atention.weights'] })
  assert.equal(nearest.code, 'trace')
})

test('HTML, emoji and lone surrogates are read as text, and an empty prompt begins a text', async () => {
  for (const prompt of ['<b>月</b><img src=x>', '🍎', '\ud800月', '</s><unk>', '']) {
    const [{ tokens }, ...steps] = await generate(prompt, { maxTokens: 3 })
    assert.ok(tokens.length > 0)
    assert.ok(steps.length > 0)
  }
})

test('dispose frees everything and ends the worker', async () => {
  const workers = page.workers().length
  const codes = await page.evaluate(async (prompt) => {
    const generator = await TextGenerator.load('/poems')
    const underWay = globalThis.failure(globalThis.steps(generator.generate(prompt)))
    await generator.dispose()
    return [(await underWay).code, (await globalThis.failure(generator.tokenize('x'))).code]
  }, PROMPT)
  assert.deepEqual(codes, ['disposed', 'disposed'])
  await assertWorkers(page, workers)
})

test('files that are no GGUF, and GGUFs that are cut short', async () => {
  const codes = await page.evaluate(async (smol) => {
    const bytes = async (url) => (await fetch(url)).blob()
    const [weights, whole] = [await bytes('/poems/model.safetensors'), await bytes(smol)]
    const load = (blob) => globalThis.failure(TextGenerator.load(new File([blob], 'x.gguf')))
    return [
      await load(weights),
      await load(new Blob(['<!doctype html>'])),
      await load(new Blob([])),
      await load(whole.slice(0, 1000)),
      await load(whole.slice(0, whole.size >> 1)),
      await globalThis.failure(TextGenerator.load(smol, { sha256: '00', cache: false })),
    ]
  }, smol)
  for (const { code, message } of codes) assert.equal(code, 'weights', message)
  assert.match(codes[0].message, /GGUF/)
  assert.match(codes[4].message, /truncated/)
  assert.match(codes[5].message, /SHA-256/)
})

test('SmolLM2 from its GGUF: kept once loaded, tokens of the golden, little wasm memory', async () => {
  await page.route('**/worker.js', async (route) => {
    const body = WATCH + (await (await route.fetch()).text())
    await route.fulfill({ contentType: 'text/javascript', body })
  })
  const found = await page.evaluate(
    async ([smol, texts]) => {
      const from = []
      const options = { onProgress: ({ from: source }) => source && from.push(source) }
      const first = await TextGenerator.load(smol, options)
      await first.dispose()
      from.push('again')
      const generator = (globalThis.smol = await TextGenerator.load(smol, options))
      const tokens = await Promise.all(texts.map((text) => generator.tokenize(text)))
      const { model, hasChatTemplate } = generator
      return { from: [...new Set(from)], tokens, model, hasChatTemplate }
    },
    [smol, GOLDEN.cases.map(({ text }) => text)],
  )
  await page.unroute('**/worker.js')
  const memory = await page
    .workers()
    .at(-1)
    .evaluate(() => globalThis.memory.buffer.byteLength)
  assert.ok(memory < 32 * 2 ** 20, `${memory} bytes of wasm memory`)
  assert.deepEqual(found.from, ['network', 'again', 'cache'])
  assert.equal(found.model.family, 'llama')
  assert.deepEqual([found.model.heads, found.model.keyValueHeads], [9, 3])
  assert.ok(found.hasChatTemplate)
  for (const [index, { ids }] of GOLDEN.cases.entries())
    assert.deepEqual(
      found.tokens[index].map(({ id }) => id),
      ids,
      GOLDEN.cases[index].name,
    )
})

test('SmolLM2 answers a chat as PyTorch does', async () => {
  const { prompt, ids: read, tokens } = GOLDEN.cases.find(({ name }) => name === 'question')
  const steps = await page.evaluate(
    (prompt) => globalThis.steps(globalThis.smol.generate(prompt, { maxTokens: 12 })),
    prompt,
  )
  assert.deepEqual(
    steps[0].tokens.map(({ id }) => id),
    read,
  )
  assert.deepEqual(ids(steps), tokens.slice(0, 12))
})

test('nothing complained in the console meanwhile', () => {
  assert.deepEqual(project.complaints, [])
})
