// Bad input to the npm package: each has a clear error of its own code, and nothing is lost by it.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { assertWorkers, MODEL, openProject, SENTENCE, TRANSLATION } from './support/project.mjs'

const read = (file) => readFileSync(join(MODEL, file))
const edited = (file, edit) => JSON.stringify(edit(JSON.parse(read(file))))

/**
 * Models with one fault each: the file's new content (null: gone), the code and what the message
 * must name.
 */
const FAULTS = {
  'no weights': [
    'model.safetensors',
    () => null,
    'download',
    /model\.safetensors is not there \(HTTP 404/,
  ],
  'no tokenizer': ['tokenizer.json', () => null, 'download', /tokenizer\.json is not there/],
  'weights cut in half': [
    'model.safetensors',
    () => read('model.safetensors').subarray(0, 1e6),
    'weights',
    /./,
  ],
  'weights of a few bytes': ['model.safetensors', () => Buffer.from('abc'), 'weights', /./],
  'a header longer than the file': ['model.safetensors', () => lyingHeader(), 'weights', /./],
  'a web page for weights': [
    'model.safetensors',
    () => '<!doctype html><title>Hello</title>',
    'weights',
    /./,
  ],
  'a web page for config': ['config.json', () => '<!doctype html>', 'config', /config\.json/],
  'an activation that nobody knows': [
    'config.json',
    () => edited('config.json', (config) => ({ ...config, activation_function: 'gegelu' })),
    'config',
    /activation_function/,
  ],
  'a width that the weights do not have': [
    'config.json',
    () => edited('config.json', (config) => ({ ...config, d_model: config.d_model * 2 })),
    'weights',
    /./,
  ],
  'a web page for the tokenizer': [
    'tokenizer.json',
    () => '<!doctype html>',
    'tokenizer',
    /tokenizer\.json.*<!doctype/,
  ],
  'a tokenizer that ends nothing': [
    'tokenizer.json',
    () => edited('tokenizer.json', (json) => ({ ...json, post_processor: null })),
    'tokenizer',
    /end with/,
  ],
}

function lyingHeader() {
  const bytes = Buffer.from(read('model.safetensors').subarray(0, 100_000))
  bytes.writeBigUInt64LE(2n ** 40n)
  return bytes
}

let project
let page
let broken
let breaking

before(async () => {
  broken = mkdtempSync(join(tmpdir(), 'glassformer-broken-'))
  for (const [name, [file, content]] of Object.entries(FAULTS))
    makeModel(join(broken, name.replaceAll(' ', '-')), file, content())
  breaking = await serveHalf()
  project = await openProject({ mounts: { '/broken/': broken } })
  page = project.page
  await page.evaluate(async () => (globalThis.translator = await Translator.load('/model')))
})

after(async () => {
  await project?.close()
  breaking?.close()
  rmSync(broken, { recursive: true, force: true })
})

function makeModel(folder, changed, content) {
  mkdirSync(folder)
  for (const file of [
    'config.json',
    'generation_config.json',
    'tokenizer.json',
    'model.safetensors',
  ]) {
    if (file !== changed) symlinkSync(join(MODEL, file), join(folder, file))
    else if (content !== null) writeFileSync(join(folder, file), content)
  }
}

/** A server whose connection breaks in the middle of the weights. */
async function serveHalf() {
  const server = createServer((request, response) => {
    const bytes = read(request.url.slice(1))
    response.writeHead(200, { 'access-control-allow-origin': '*', 'content-length': bytes.length })
    if (!request.url.endsWith('safetensors')) return response.end(bytes)
    response.write(bytes.subarray(0, bytes.length >> 1), () =>
      setTimeout(() => response.destroy(), 100),
    )
  })
  await new Promise((resolve) => server.listen(0, resolve))
  return server
}

const loading = (url) => page.evaluate((url) => globalThis.failure(Translator.load(url)), url)
const translating = (text, options) =>
  page.evaluate(
    ([text, options]) =>
      globalThis.failure(globalThis.steps(globalThis.translator.translate(text, options))),
    [text, options],
  )

function assertFails(found, code, pattern) {
  assert.equal(found.code, code, found.message)
  assert.match(found.message, pattern)
  assert.ok(found.ours, 'it is a GlassformerError')
}

for (const [name, [, , code, pattern]] of Object.entries(FAULTS)) {
  test(`a model with ${name}`, async () => {
    const workers = page.workers().length
    assertFails(await loading(`/broken/${name.replaceAll(' ', '-')}/`), code, pattern)
    await assertWorkers(page, workers)
  })
}

test('a connection that breaks in the middle', async () => {
  assertFails(
    await loading(`http://localhost:${breaking.address().port}/`),
    'download',
    /broke off after \d+ of \d+ bytes/,
  )
})

test('a server that is not there, and wasm that is not there', async () => {
  assertFails(await loading('http://localhost:9/'), 'download', /localhost:9.*could not be reached/)
  const found = await page.evaluate(() =>
    globalThis.failure(Translator.load('/model', { wasmUrl: '/none.wasm' })),
  )
  assertFails(found, 'download', /none\.wasm.*wasmUrl/)
})

test('texts that are none, and options out of range', async () => {
  for (const text of ['', ' \n\t', '\u0000\u0001', '\u3000', null, 42, undefined])
    assertFails(await translating(text), 'input', /text/)
  for (const options of [
    { candidates: 0 },
    { candidates: 65 },
    { candidates: 1.5 },
    { candidates: NaN },
  ]) {
    assertFails(await translating(SENTENCE, options), 'input', /candidates/)
  }
  for (const ringCapacity of [0, 3, -4])
    assertFails(await translating(SENTENCE, { ringCapacity }), 'input', /ring/)
  for (const maxTokens of [0, -1, 2.5])
    assertFails(await translating(SENTENCE, { maxTokens }), 'input', /[tT]okens/)
  const batch = await page.evaluate(
    (text) => globalThis.failure(globalThis.translator.translateAll([text, ' '])),
    SENTENCE,
  )
  assertFails(batch, 'input', /texts\[1\]/)
})

test('a site that does not exist names the nearest', async () => {
  assertFails(
    await translating(SENTENCE, { trace: ['decoder.0.cross_atention.weights'] }),
    'trace',
    /decoder\.0\.cross_attention\.weights/,
  )
})

test('emoji, other scripts, lone surrogates and control characters translate', async () => {
  for (const text of [
    '🍎👩‍👩‍👧',
    'مرحبا بالعالم',
    '\ud800我吃\udc00',
    '我\u0000吃\u0007了',
    'Ünïcödé ẞ',
    '<b>我</b>',
    '</s><pad>',
    '한국어',
  ]) {
    const steps = await page.evaluate(
      (text) => globalThis.steps(globalThis.translator.translate(text, { maxTokens: 8 })),
      text,
    )
    assert.equal(steps[0].cut, '')
    for (const token of [...steps[0].source, ...steps.slice(1).map((step) => step.token)]) {
      assert.doesNotMatch(token.text, /[\ufffd\u2581]/, 'tokens are shown as a reader knows them')
    }
  }
})

test('a text longer than the model reads is cut, and what was cut is named exactly', async () => {
  const sentence = '我吃了一个苹果。'
  for (const text of [
    sentence.repeat(1250),
    '🍎'.repeat(5000),
    `${' '.repeat(9000)}${sentence.repeat(1000)}`,
  ]) {
    const { maxPositions, source, cut, kept } = await page.evaluate(async (text) => {
      const { translator } = globalThis
      const [{ source, cut }] = await globalThis.steps(translator.translate(text, { maxTokens: 1 }))
      const kept = await translator.tokenize(text.slice(0, text.length - cut.length))
      return { maxPositions: translator.model.maxPositions, source, cut, kept }
    }, text)
    assert.ok(cut.length > 0 && text.endsWith(cut) && cut.isWellFormed())
    assert.ok(
      source.length <= maxPositions && source.length > maxPositions - 8,
      `${source.length} tokens`,
    )
    assert.equal(source.at(-1).text, '</s>')
    assert.deepEqual(source, kept, 'the tokens are those of what was kept')
  }
})

test('after all that it still translates', async () => {
  const all = await page.evaluate((text) => globalThis.translator.translateAll([text]), SENTENCE)
  assert.equal(all[0].text, TRANSLATION)
})

test('without WebGPU it runs on the CPU and says why', async () => {
  const bare = await openProject({ without: ['--enable-unsafe-webgpu', '--use-webgpu-adapter'] })
  try {
    const found = await bare.page.evaluate(async (text) => {
      const refused = await globalThis.failure(Translator.load('/model', { device: 'gpu' }))
      const translator = await Translator.load('/model')
      return {
        refused,
        adapter: translator.adapter,
        text: (await translator.translateAll([text]))[0].text,
      }
    }, SENTENCE)
    assertFails(found.refused, 'no-webgpu', /./)
    assert.equal(found.adapter.backend, 'CPU')
    assert.ok(found.adapter.fallbackReason)
    assert.equal(found.text, TRANSLATION)
  } finally {
    await bare.close()
  }
})
