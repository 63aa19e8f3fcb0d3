// Edits and prefixes as a visitor gives them: the shipped translator and the poems, in headless Chrome.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { numbers, openProject, ROOT, SENTENCE, TRANSLATION, translate } from './support/project.mjs'

const OTHER = '他昨天去了北京，今天又回来了。'
const CONTEXT = 'decoder.2.cross_attention.context'

let project
let page

before(async () => {
  project = await openProject({ mounts: { '/poems/': join(ROOT, 'models/tang-poems') } })
  page = project.page
  await page.evaluate(async () => {
    globalThis.translator = await Translator.load('/model')
    globalThis.generator = await TextGenerator.load('/poems')
  })
})

after(() => project?.close())

const failing = (options) =>
  page.evaluate(
    ([text, options]) =>
      globalThis.failure(globalThis.steps(globalThis.translator.translate(text, options))),
    [SENTENCE, options],
  )

test('words and objects mean the same edit, and the next run is as before', async () => {
  const plain = numbers(await translate(page, SENTENCE))
  const pairs = [
    ['skips off in decoder.*', { off: 'skips', in: 'decoder.*' }],
    [`scale ${CONTEXT} by 0.5 heads 0,2`, { scale: CONTEXT, by: 0.5, heads: [0, 2] }],
    ['scale encoder.*.*.norm by 2', { scale: 'encoder.*.*.norm', by: 2 }],
    ['padding mask off', { off: 'padding mask' }],
    ['norm none in decoder.0.*', { norm: 'none', in: 'decoder.0.*' }],
    ['key-value heads 1', { keyValueHeads: 1 }],
  ]
  for (const [words, object] of pairs) {
    const options = { maxTokens: 12 }
    const spoken = numbers(await translate(page, SENTENCE, { ...options, edits: [words] }))
    const typed = numbers(await translate(page, SENTENCE, { ...options, edits: [object] }))
    assert.deepEqual(typed, spoken, words)
    assert.notDeepEqual(spoken, plain, words)
  }
  assert.deepEqual(numbers(await translate(page, SENTENCE)), plain)
})

test('many at once, and a text that goes on, are edited as well', async () => {
  const found = await page.evaluate(async (text) => {
    const edits = ['skips off in decoder.*']
    const short = { maxTokens: 8, edits }
    const { translator, generator } = globalThis
    const ids = (tokens) => tokens.map(({ id }) => id)
    const made = async (steps) => ids((await steps).slice(1).map(({ token }) => token))
    const all = async (whole) => ids((await whole)[0].tokens)
    return {
      translated: await made(globalThis.steps(translator.translate(text, short))),
      translations: await all(translator.translateAll([text], short)),
      written: await made(globalThis.steps(generator.generate('月', short))),
      texts: await all(generator.generateAll(['月'], short)),
      plain: await all(generator.generateAll(['月'], { maxTokens: 8 })),
    }
  }, SENTENCE)
  assert.deepEqual(found.translations, found.translated)
  assert.deepEqual(found.texts, found.written)
  assert.notDeepEqual(found.texts, found.plain)
})

test('what can’t be meant is answered with a code, and with what is nearest', async () => {
  const cases = [
    ['skip off', 'input', /nearest: skips/],
    [{ off: 'casual mask' }, 'input', /nearest: causal mask/],
    [{ norm: 'rsm' }, 'input', /nearest: rms/],
    [
      'scale decoder.2.cros_attention.context by 2',
      'trace',
      /decoder\.2\.cross_attention\.context/,
    ],
    [{ scale: CONTEXT }, 'input', /edits\[0\]\.by/],
    [{ scale: CONTEXT, by: 2, heads: [-1] }, 'input', /edits\[0\]\.heads\[0\]/],
    [{ replace: CONTEXT, shape: [1, 2], data: [1, 2] }, 'input', /edits\[0\]\.data/],
    [{ keyValueHeads: 3 }, 'input', /divisor/],
    [{}, 'input', /edits/],
    [null, 'input', /edits\[0\]: .*null/],
  ]
  for (const [edit, code, message] of cases) {
    const failure = await failing({ edits: [edit] })
    assert.equal(failure.code, code, failure.message)
    assert.match(failure.message, message)
    assert.ok(failure.ours)
  }
  assert.match((await failing({ edits: 'skips off' })).message, /edits: .*a list/)
})

/** Translates SENTENCE with what OTHER had at `site` in its step at `from` put there. */
const patched = (site, from, position, traced) =>
  page.evaluate(
    async ([text, other, site, from, position, traced]) => {
      const { translator } = globalThis
      const all = await globalThis.steps(translator.translate(other, { trace: [site] }))
      const snapshot = all[1 + from].trace[0]
      const { site: replace, shape, data } = snapshot
      const edits = [{ replace, shape, data, position }]
      const run = (edits) => globalThis.steps(translator.translate(text, { trace: traced, edits }))
      const plain = (steps) =>
        steps.slice(1).map(({ token, trace }) => ({
          token: token.id,
          trace: trace.map(({ data }) => [...data]),
        }))
      return { data: [...data], with: plain(await run(edits)), without: plain(await run([])) }
    },
    [SENTENCE, OTHER, site, from, position, traced],
  )

test('a snapshot of another sentence replaces a value in one step, and what follows from it', async () => {
  const before = 'decoder.2.cross_attention.query'
  const after = 'decoder.2.cross_attention.output'
  const found = await patched(CONTEXT, 1, 1, [before, CONTEXT, after])
  assert.deepEqual(found.with[0], found.without[0], 'the step before it is as it was')
  const [[query, context, output], plain] = [found.with[1].trace, found.without[1].trace]
  assert.deepEqual(query, plain[0], 'what comes before the value is as it was')
  assert.deepEqual(context, found.data, 'a trace shows the value that was put there')
  assert.notDeepEqual(plain[1], found.data)
  assert.notDeepEqual(output, plain[2], 'what reads the value is otherwise')
  assert.notDeepEqual(found.with[2]?.trace[1], found.data, 'the step after it has its own value')
})

test('logits of another sentence choose its token, at every step without a position', async () => {
  const once = await patched('logits', 0, 0, ['logits'])
  const always = await patched('logits', 0, undefined, ['logits'])
  const other = (await translate(page, OTHER))[1].token.id
  assert.notEqual(once.without[0].token, other)
  assert.equal(once.with[0].token, other)
  assert.notEqual(once.with[1].token, other)
  assert.ok(always.with.every(({ token }) => token === other))
})

test('a prefix in words and in ids is gone on from in the same way', async () => {
  const [, ...whole] = await translate(page, SENTENCE)
  const tokens = await page.evaluate(() => globalThis.translator.tokenize('I have'))
  const prefix = tokens.slice(0, -1).map(({ id }) => id)
  const [, ...words] = await translate(page, SENTENCE, { prefix: 'I have' })
  const [, ...ids] = await translate(page, SENTENCE, { prefix })
  assert.deepEqual(words, ids)
  assert.equal(words[0].position, prefix.length)
  assert.equal(words[0].input.id, prefix.at(-1))
  assert.ok(words[0].text.startsWith('I have'))
  const made = words.map(({ token }) => (token.special ? '' : token.text)).join('')
  assert.equal(words.at(-1).text, `I have${made}`)
  assert.notEqual(words.at(-1).text, TRANSLATION)
  // Of its own tokens a translation goes on as it did.
  const own = whole.slice(0, 3).map(({ token }) => token.id)
  const [, ...rest] = await translate(page, SENTENCE, { prefix: own })
  assert.deepEqual(
    rest.map(({ token, text, position }) => [token, text, position]),
    whole.slice(3).map(({ token, text, position }) => [token, text, position]),
  )
  const [, ...none] = await translate(page, SENTENCE, { prefix: '' })
  assert.deepEqual(numbers([0, ...none]), numbers([0, ...whole]))
  for (const [prefix, message] of [
    [[1e9], /prefix: expected ids/],
    [7, /prefix: expected a text or ids/],
    ['I '.repeat(1e5), /prefix/],
  ]) {
    const failure = await failing({ prefix })
    assert.equal(failure.code, 'input')
    assert.match(failure.message, message)
  }
})

test('nothing complained in the console, and nothing is left on the device', async () => {
  const [held, later] = await page.evaluate(async (text) => {
    const { translator } = globalThis
    await globalThis.steps(translator.translate(text))
    const held = await translator.allocatedBytes()
    await globalThis.steps(translator.translate(text, { edits: ['skips off'], prefix: 'I' }))
    return [held, await translator.allocatedBytes()]
  }, SENTENCE)
  assert.equal(later, held)
  assert.deepEqual(project.complaints, [])
})
