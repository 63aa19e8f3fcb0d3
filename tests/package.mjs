// The npm package as a visitor gets it: packed, installed, and used from a page in headless Chrome.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openPage } from '../scripts/chrome.mjs'
import { serve } from '../scripts/serve.mjs'
import {
  MODEL,
  numbers,
  openProject,
  ROOT,
  SENTENCE,
  SENTENCES,
  TRANSLATION,
  translate,
} from './support/project.mjs'

let project
let page

before(async () => {
  project = await openProject()
  page = project.page
  await page.evaluate(async () => {
    globalThis.progress = []
    globalThis.translator = await Translator.load('/model', {
      onProgress: (step) => globalThis.progress.push(step),
    })
  })
})

after(() => project?.close())

const sum = (values) => values.reduce((total, value) => total + value, 0)
const near = (found, expected, within, what) =>
  assert.ok(Math.abs(found - expected) <= within, `${what}: expected ${expected}, found ${found}`)

test('the package is self-contained and small', () => {
  const installed = join(project.folder, 'node_modules')
  const listed = Object.keys(
    JSON.parse(readFileSync(join(installed, '.package-lock.json'))).packages,
  )
  assert.deepEqual(listed, ['node_modules/glassformer'])
  const files = ['index.js', 'worker.js', 'glassformer_bg.wasm'].map((name) =>
    join(installed, 'glassformer/dist', name),
  )
  const bytes = sum(files.map((file) => gzipSync(readFileSync(file)).length))
  assert.ok(bytes < 360_000, `${bytes} bytes gzipped`)
})

test('its types serve a visitor who writes TypeScript', () => {
  writeFileSync(
    join(project.folder, 'visitor.ts'),
    `
    import { Translator, GlassformerError, type Step } from 'glassformer'
    const translator: Translator = await Translator.load('models/zh-en/')
    for await (const step of translator.translate('x')) {
      const text: string = step.phase === 'decode' ? step.text : step.cut
      const one: Step = step
      console.log(text, one.trace.length, new GlassformerError('input', 'x').code)
    }`,
  )
  const flags =
    '--strict --noEmit --target es2022 --module esnext --moduleResolution bundler'.split(' ')
  const tsc = join(ROOT, 'npm/node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, ...flags, 'visitor.ts'], {
    cwd: project.folder,
    encoding: 'utf8',
  })
})

test('loading goes through its phases in order and counts every byte', async () => {
  const progress = await page.evaluate(() => globalThis.progress)
  const phases = progress
    .map(({ phase }) => phase)
    .filter((phase, index, all) => phase !== all[index - 1])
  assert.deepEqual(phases, ['download', 'verify', 'compile', 'ready'])
  for (const file of [
    'config.json',
    'generation_config.json',
    'tokenizer.json',
    'model.safetensors',
  ]) {
    const bytes = readFileSync(join(MODEL, file)).length
    const last = progress.filter((step) => step.phase === 'download' && step.file === file).at(-1)
    assert.deepEqual(last, {
      phase: 'download',
      file,
      loaded: bytes,
      total: bytes,
      from: 'network',
    })
  }
})

test('the adapter and the model are named', async () => {
  const { adapter, model, sites } = await page.evaluate(() => {
    const { adapter, model, sites } = globalThis.translator
    return { adapter, model, sites }
  })
  assert.equal(adapter.backend, 'WebGPU')
  assert.equal(adapter.fallbackReason, null)
  const config = JSON.parse(readFileSync(join(MODEL, 'config.json')))
  assert.equal(model.modelWidth, config.d_model)
  assert.equal(model.decoderLayers, config.decoder_layers)
  assert.equal(model.storage, 'int8')
  assert.equal(new Set(sites).size, sites.length)
})

test('我吃了一个苹果 becomes "I ate an apple.", and each step adds up', async () => {
  const [encode, ...decode] = await translate(page, SENTENCE)
  assert.equal(encode.phase, 'encode')
  assert.equal(encode.cut, '')
  assert.equal(encode.source.map(({ text, special }) => (special ? '' : text)).join(''), SENTENCE)
  assert.equal(decode.at(-1).text, TRANSLATION)
  assert.equal(decode.at(-1).finish, 'end')
  let before = null
  for (const [position, step] of decode.entries()) {
    assert.equal(step.position, position)
    if (before) assert.deepEqual(step.input, before)
    before = step.token
    assert.equal(step.candidates.length, 10)
    assert.equal(step.candidates[0].id, step.token.id, 'greedy takes the best')
    assert.equal(step.candidates[0].text, step.token.text)
    near(
      sum(step.candidates.map(({ probability }) => probability)) + step.rest,
      1,
      1e-4,
      'all probability',
    )
    near(step.probability, Math.exp(step.logProbability), 1e-12, 'probability')
    assert.equal(step.ring.written, position & (step.ring.capacity - 1))
    assert.equal(step.ring.positions.filter((held) => held >= 0).length, step.ring.used)
  }
  const joined = decode.map(({ token }) => (token.special ? '' : token.text)).join('')
  assert.equal(joined, TRANSLATION, 'the tokens make the text')
})

test('traced tensors have the shapes of their sites, and tracing changes no bit', async () => {
  const { model, sites } = await page.evaluate(() => ({
    model: globalThis.translator.model,
    sites: globalThis.translator.sites,
  }))
  const bare = await translate(page, SENTENCE, { candidates: 3 })
  const attention = 'decoder.0.cross_attention.weights'
  const traced = await translate(page, SENTENCE, { candidates: 3, trace: ['*'] }, [
    attention,
    'probabilities',
  ])
  assert.deepEqual(numbers(traced), numbers(bare))
  const fired = (step) => step.trace.map(({ site }) => site)
  assert.deepEqual(
    [...fired(traced[0]), ...fired(traced[1])].sort(),
    [...sites].sort(),
    'every site fires once',
  )
  const find = (step, site) => step.trace.find((one) => one.site === site)
  for (const step of traced) {
    for (const { site, shape, size } of step.trace)
      assert.equal(
        shape.reduce((a, b) => a * b, 1),
        size,
        site,
      )
  }
  const length = traced[0].source.length
  for (const step of traced.slice(1)) {
    const {
      shape: [heads, one, width],
      data,
    } = find(step, attention)
    assert.deepEqual([heads, one], [model.decoderHeads, 1])
    for (let head = 0; head < heads; head += 1) {
      const row = data.slice(head * width, (head + 1) * width)
      near(sum(row.slice(0, length)), 1, 1e-4, 'attention to the source')
      assert.ok(
        row.slice(length).every((weight) => weight === 0),
        'padding is never attended to',
      )
    }
    const probabilities = find(step, 'probabilities')
    assert.deepEqual(probabilities.shape, [model.vocabulary])
    near(probabilities.data[step.token.id], step.probability, 1e-5, 'the traced probability')
  }
})

test('a ring smaller than the sentence turns over, and the limit of tokens is kept', async () => {
  const steps = await translate(page, SENTENCES[2], { ringCapacity: 4, maxTokens: 6 })
  assert.equal(steps.length, 1 + 6)
  const { ring, position, finish } = steps.at(-1)
  assert.equal(finish, 'length')
  assert.equal(ring.capacity, 4)
  for (let held = position; held > position - 4; held -= 1)
    assert.equal(ring.positions[held & 3], held)
})

test('translateAll keeps the order and gives what translate gives', async () => {
  const all = await page.evaluate((texts) => globalThis.translator.translateAll(texts), SENTENCES)
  for (const [index, text] of SENTENCES.entries()) {
    const [encode, ...decode] = await translate(page, text, { candidates: 1 })
    assert.deepEqual(all[index].source, encode.source)
    assert.deepEqual(
      all[index].tokens,
      decode.map(({ token }) => token),
    )
    assert.equal(all[index].text, decode.at(-1).text)
    assert.equal(all[index].finish, decode.at(-1).finish)
    all[index].probabilities.forEach((found, at) =>
      near(found, decode[at].probability, 1e-3, `${text}, token ${at}`),
    )
  }
  assert.deepEqual(await page.evaluate(() => globalThis.translator.translateAll([])), [])
  const many = Array.from({ length: 40 }, (_, index) => SENTENCES[index % SENTENCES.length])
  const texts = await page.evaluate(
    async (many) => (await globalThis.translator.translateAll(many)).map(({ text }) => text),
    many,
  )
  assert.deepEqual(
    texts,
    many.map((text) => all[SENTENCES.indexOf(text)].text),
  )
})

test('in every storage the tokens are those of PyTorch, in f32 the probabilities, too', async () => {
  const golden = JSON.parse(readFileSync(join(ROOT, 'tests/golden/zh-en.json')))
  const texts = golden.map(({ source }) => source)
  for (const storage of ['f32', 'f16', 'int8']) {
    const all = await page.evaluate(
      async ([texts, storage]) => {
        const translator = await Translator.load('/model', { storage })
        const all = await translator.translateAll(texts)
        await translator.dispose()
        return all
      },
      [texts, storage],
    )
    for (const [index, { source_ids, ids, probabilities }] of golden.entries()) {
      const { source, tokens, probabilities: found } = all[index]
      assert.deepEqual(
        [source, tokens].map((list) => list.map(({ id }) => id)),
        [source_ids, ids],
      )
      const within = storage === 'f32' ? 1e-5 : 0.1
      found.forEach((value, at) =>
        near(value, probabilities[at], within, `${storage}, token ${at}`),
      )
    }
  }
})

test('the CPU executor gives the same tokens', async () => {
  const gpu = (await translate(page, SENTENCE)).slice(1)
  const { adapter, ids } = await page.evaluate(async (text) => {
    const translator = await Translator.load('/model', { device: 'cpu' })
    const steps = await globalThis.steps(translator.translate(text))
    await translator.dispose()
    return { adapter: translator.adapter, ids: steps.slice(1).map(({ token }) => token.id) }
  }, SENTENCE)
  assert.equal(adapter.backend, 'CPU')
  assert.deepEqual(
    ids,
    gpu.map(({ token }) => token.id),
  )
})

test('bundled by Vite it does the same', async (context) => {
  writeFileSync(
    join(project.folder, 'index.html'),
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>',
  )
  writeFileSync(
    join(project.folder, 'main.js'),
    `
    import { Translator } from 'glassformer'
    const translator = await Translator.load('/model/')
    globalThis.answer = (await translator.translateAll([${JSON.stringify(SENTENCE)}]))[0].text`,
  )
  const vite = join(ROOT, 'www/node_modules/vite/bin/vite.js')
  execFileSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: project.folder,
    stdio: 'pipe',
  })
  const server = await serve({ '/': join(project.folder, 'dist'), '/model/': MODEL })
  context.after(() => server.close())
  const bundled = await openPage(project.browser, server.url)
  await bundled.waitForFunction(() => globalThis.answer !== undefined, null, { timeout: 60_000 })
  assert.equal(await bundled.evaluate(() => globalThis.answer), TRANSLATION)
})

test('nothing complained in the console meanwhile', () => {
  assert.deepEqual(project.complaints, [])
})
