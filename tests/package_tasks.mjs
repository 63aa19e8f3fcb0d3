// What the package's models have in common: many inputs at once, and a model of another task refused.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { assertWorkers, openProject, ROOT } from './support/project.mjs'

const PROMPTS = ['床前明月光，', '五律', '七绝《江上》', '月', '<b>月</b>']
const OPTIONS = { temperature: 0.9, topP: 0.95, seed: 2 ** 32 - 2, maxTokens: 24 }

let project
let page

before(async () => {
  project = await openProject({ mounts: { '/poems/': join(ROOT, 'models/tang-poems') } })
  page = project.page
  await page.evaluate(async () => (globalThis.generator = await TextGenerator.load('/poems')))
})

after(() => project?.close())

const ids = (tokens) => tokens.map(({ id }) => id)

test('generateAll keeps the order, and gives what generate gives with a seed more each', async () => {
  const { before, all, alone, held } = await page.evaluate(
    async ([prompts, options]) => {
      const { generator } = globalThis
      const before = await generator.allocatedBytes()
      const all = await generator.generateAll(prompts, options)
      const held = await generator.allocatedBytes()
      const alone = []
      for (const [index, prompt] of prompts.entries()) {
        const seed = (options.seed + index) % 2 ** 32
        alone.push(await globalThis.steps(generator.generate(prompt, { ...options, seed })))
      }
      return { before, all, alone, held }
    },
    [PROMPTS, OPTIONS],
  )
  assert.equal(all.length, PROMPTS.length)
  for (const [index, [prompt, ...steps]] of alone.entries()) {
    const { prompt: read, tokens, probabilities, text, finish } = all[index]
    assert.deepEqual(ids(read), ids(prompt.tokens), PROMPTS[index])
    assert.deepEqual(
      tokens,
      steps.map(({ token }) => token),
      PROMPTS[index],
    )
    assert.equal(text, steps.at(-1).text)
    assert.equal(finish, steps.at(-1).finish)
    for (const [at, { probability }] of steps.entries())
      assert.ok(Math.abs(probabilities[at] - probability) < 1e-3, `${PROMPTS[index]}, token ${at}`)
  }
  assert.ok(new Set(all.map(({ finish }) => finish)).size > 1, 'some end before others')
  assert.equal(held, before, 'it leaves nothing behind')
})

test('more prompts than a batch holds; none; a wrong one; one that is given up', async () => {
  const found = await page.evaluate(async (prompts) => {
    const { generator } = globalThis
    const many = Array.from({ length: 20 }, (_, index) => prompts[index % prompts.length])
    const control = new AbortController()
    const aborted = globalThis.failure(
      generator.generateAll(many, { maxTokens: 200, signal: control.signal }),
    )
    setTimeout(() => control.abort(), 100)
    return {
      none: await generator.generateAll([]),
      wrong: await globalThis.failure(generator.generateAll(['月', [{ role: 'user' }]])),
      option: await globalThis.failure(generator.generateAll(['月'], { maxTokens: 0 })),
      aborted: (await aborted).name,
      many: (await generator.generateAll(many, { maxTokens: 2 })).map(({ tokens }) => tokens),
    }
  }, PROMPTS)
  assert.deepEqual(found.none, [])
  assert.equal(found.wrong.code, 'input')
  assert.match(found.wrong.message, /^prompts\[1\]: /)
  assert.match(found.option.message, /maxTokens/)
  assert.equal(found.aborted, 'AbortError')
  for (const [index, tokens] of found.many.entries())
    assert.deepEqual(tokens, found.many[index % PROMPTS.length])
})

test('a model of another task is refused before its weights come, and the way to load it named', async () => {
  const workers = page.workers().length
  const weights = []
  page.on('requestfinished', (request) => {
    if (request.url().endsWith('/model.safetensors')) weights.push(request)
  })
  const [translator, generator] = await page.evaluate(async () => [
    await globalThis.failure(Translator.load('/poems', { cache: false })),
    await globalThis.failure(TextGenerator.load('/model', { cache: false })),
  ])
  assert.equal(translator.code, 'config')
  assert.match(translator.message, /TextGenerator/)
  assert.equal(generator.code, 'config')
  assert.match(generator.message, /Translator/)
  assert.equal(weights.length, 0, 'the weights were not fetched to their end')
  await assertWorkers(page, workers)
})

test('nothing complained in the console meanwhile', () => {
  assert.deepEqual(project.complaints, [])
})
