// Translations at once, left, aborted and disposed of: nothing is disturbed, nothing stays behind.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  assertWorkers,
  numbers,
  openProject,
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
  await page.evaluate(async () => (globalThis.translator = await Translator.load('/model')))
})

after(() => project?.close())

test('two translations at once do not disturb each other', async () => {
  const alone = [await translate(page, SENTENCES[1]), await translate(page, SENTENCES[2])]
  const together = await page.evaluate(
    async ([first, second]) => {
      const readers = [
        globalThis.translator.translate(first),
        globalThis.translator.translate(second),
      ]
      const found = [[], []]
      for (let open = 2; open > 0;) {
        for (const [index, reader] of readers.entries()) {
          const { done, value } = await reader.next()
          if (value) found[index].push(value)
          else if (done && !found[index].ended) ((found[index].ended = true), (open -= 1))
        }
      }
      return found.map((steps) => [...steps])
    },
    [SENTENCES[1], SENTENCES[2]],
  )
  for (const index of [0, 1]) assert.deepEqual(numbers(together[index]), numbers(alone[index]))
})

test('leaving the loop and aborting free what the translation held', async () => {
  const held = await page.evaluate(async (text) => {
    const bytes = () => globalThis.translator.allocatedBytes()
    await globalThis.steps(globalThis.translator.translate(text))
    const before = await bytes()
    for await (const step of globalThis.translator.translate(text)) if (step.position === 1) break
    const afterBreak = await globalThis.settled(bytes, before)
    const controller = new AbortController()
    const mine = new Error('enough')
    let thrown
    try {
      for await (const step of globalThis.translator.translate(text, {
        signal: controller.signal,
      })) {
        if (step.position === 1) controller.abort(mine)
      }
    } catch (error) {
      thrown = error
    }
    return {
      before,
      afterBreak,
      afterAbort: await globalThis.settled(bytes, before),
      same: thrown === mine,
    }
  }, SENTENCES[2])
  assert.ok(held.same, 'the abort rejects with its own reason')
  assert.equal(held.afterBreak, held.before)
  assert.equal(held.afterAbort, held.before)
  assert.equal(
    (await translate(page, SENTENCE)).at(-1).text,
    TRANSLATION,
    'and it translates again',
  )
})

test('an abort before, during the encoder and in a batch rejects with AbortError', async () => {
  const names = await page.evaluate(async (texts) => {
    const aborted = (start) => {
      const controller = new AbortController()
      const found = globalThis.failure(start(controller.signal))
      controller.abort()
      return found.then(({ name }) => name)
    }
    const { translator } = globalThis
    return [
      await globalThis
        .failure(translator.translate(texts[0], { signal: AbortSignal.abort() }).next())
        .then(({ name }) => name),
      await aborted((signal) => translator.translate(texts[0], { signal }).next()),
      await aborted((signal) => translator.translateAll(texts, { signal })),
    ]
  }, SENTENCES)
  assert.deepEqual(names, ['AbortError', 'AbortError', 'AbortError'])
  assert.equal((await translate(page, SENTENCE)).at(-1).text, TRANSLATION)
})

test('loading can be aborted in every phase', async () => {
  for (const phase of ['download', 'verify', 'compile']) {
    const workers = page.workers().length
    const name = await page.evaluate((phase) => {
      const controller = new AbortController()
      const onProgress = (progress) => progress.phase === phase && controller.abort()
      return globalThis
        .failure(Translator.load('/model', { signal: controller.signal, onProgress }))
        .then(({ name }) => name)
    }, phase)
    assert.equal(name, 'AbortError', phase)
    await assertWorkers(page, workers)
  }
})

test('dispose frees everything, ends the worker, and what is under way says so', async () => {
  const workers = page.workers().length
  const found = await page.evaluate(async (texts) => {
    const replies = []
    const Plain = globalThis.Worker
    globalThis.Worker = class extends Plain {
      constructor(...all) {
        super(...all)
        this.addEventListener('message', ({ data }) => replies.push(data))
      }
    }
    const translator = await Translator.load('/model')
    globalThis.Worker = Plain
    const underWay = globalThis.failure(translator.translateAll(texts))
    await Promise.all([translator.dispose(), translator.dispose()])
    return {
      held: replies.filter(({ kind }) => kind === 'reply').at(-1).reply,
      underWay: (await underWay).code,
      later: (await globalThis.failure(translator.tokenize('x'))).code,
    }
  }, SENTENCES)
  assert.deepEqual(found, { held: 0, underWay: 'disposed', later: 'disposed' })
  await assertWorkers(page, workers)
})

test('nothing complained in the console meanwhile', () => {
  assert.deepEqual(project.complaints, [])
})
