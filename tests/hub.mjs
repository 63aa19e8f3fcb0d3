// Models on Hugging Face, which this machine plays: by every address that a visitor may have.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { smallLlama } from './support/gguf.mjs'
import { HUB, playHub, STORE } from './support/hub.mjs'
import { idsShown, open, openPlain, shows } from './support/page.mjs'
import { MODEL, SENTENCE, TRANSLATION } from './support/project.mjs'

const LLAMA = smallLlama()
const HALF = LLAMA.length >> 1
const FILE = 'https://huggingface.co/someone/small/resolve/main/small.gguf'
const PROMPT = 'once'
const STEPS = 3

let hub, site, page

/** What lies on the hub: a GGUF, and the folder of the shipped translator. */
function read(path) {
  if (path === 'someone/small/small.gguf') return LLAMA
  const [, file] = /^someone\/zh-en\/([\w.]+)$/.exec(path) ?? []
  return file && existsSync(join(MODEL, file)) ? readFileSync(join(MODEL, file)) : null
}

before(async () => {
  hub = await playHub(read)
  site = await openPlain({}, { hosts: hub.hosts })
  page = site.project.page
})
after(async () => {
  await site?.close()
  await hub?.close()
})
beforeEach(async () => {
  hub.asked = []
  await page.evaluate(() => clearKept())
})

/** Loads and writes in the package: ids, or the error. */
const write = (address) =>
  page.evaluate(
    async ([address, prompt, maxTokens]) => {
      const loading = TextGenerator.load(address, { device: 'cpu' })
      const failure = await globalThis.failure(loading)
      if (failure.code !== 'none') return failure
      const writer = await loading
      const [, ...steps] = await globalThis.steps(writer.generate(prompt, { maxTokens }))
      await writer.dispose()
      return steps.map(({ token }) => token.id)
    },
    [address, PROMPT, STEPS],
  )
const gets = () => hub.asked.filter(({ method }) => method === 'GET')
const ranges = () => gets().map(({ host, range }) => [host, range])

test('a file opens by its short name and by any address of a page about it', async () => {
  const ids = await write('hf:someone/small/small.gguf')
  assert.equal(ids.length, STEPS)
  for (const address of [
    FILE,
    `${FILE}?download=true`,
    FILE.replace('resolve', 'blob'),
    FILE.replace('https://huggingface.co', 'hf.co').replace('resolve', 'raw'),
    'https://huggingface.co/someone/small?show_file_info=small.gguf',
    'https://huggingface.co/someone/small/tree/main?show_file_info=small.gguf',
  ]) {
    assert.deepEqual(await write(address), ids, address)
  }
  assert.equal(gets().length, 2, 'all are one file, which is kept after the first')
})

test('a folder opens, too', async () => {
  const text = await page.evaluate(async (sentence) => {
    const translator = await Translator.load('hf:someone/zh-en', { device: 'cpu' })
    const [{ text }] = await translator.translateAll([sentence])
    await translator.dispose()
    return text
  }, SENTENCE)
  assert.equal(text, TRANSLATION)
})

test('cut in the middle it goes on there, through the redirect, and nobody has to ask first', async () => {
  const whole = await write('hf:someone/small/small.gguf')
  await page.evaluate((address) => deleteKept(address), FILE)
  hub.asked = []
  hub.cut = HALF
  assert.deepEqual(await write('hf:someone/small/small.gguf'), whole)
  assert.deepEqual(ranges(), [
    [HUB, 'bytes=0-'],
    [STORE, 'bytes=0-'],
    [HUB, `bytes=${HALF}-`],
    [STORE, `bytes=${HALF}-`],
  ])
  assert.ok(hub.asked.every(({ method }) => method !== 'OPTIONS'))
  assert.ok(
    hub.asked.every(({ referer }) => referer === undefined),
    'nor learns who asks',
  )
})

test('a model that is not there, or not for everyone', async () => {
  const found = await write('hf:someone/nothing/small.gguf')
  assert.equal(found.code, 'download')
  assert.match(
    found.message,
    /nothing\/resolve\/main\/small\.gguf needs an account, or there is no/,
  )
})

test('the page opens what is typed, and keeps it in its address', async () => {
  const model = 'hf:someone/small/small.gguf'
  const ids = await write(model)
  const view = {
    tab: 'write',
    language: 'en',
    prompt: PROMPT,
    step: STEPS,
    temperature: 0,
    topP: 1,
  }
  const typed = await open(site, view)
  await shows(typed.page, STEPS)
  await typed.page.locator('[data-other-model]').click()
  await typed.page.locator('[data-address]').fill(model)
  await typed.page.keyboard.press('Enter')
  await typed.page.locator(`[data-model="${model}"]`).waitFor()
  await typed.page.locator('[data-loading]').waitFor({ state: 'detached' })
  const fields = new URLSearchParams(new URL(typed.page.url()).hash.slice(1))
  assert.equal(fields.get('model'), model)
  await typed.close()

  const opened = await open(site, { ...view, model })
  await shows(opened.page, STEPS)
  assert.deepEqual(await idsShown(opened.page), ids)
  await opened.close()
})
