// A model of the visitor's choice on its way to the page: reloaded in the middle, kept, deleted.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { smallLlama } from './support/gguf.mjs'
import { idsShown, open, openPlain, shows } from './support/page.mjs'

const MODEL = smallLlama()
const HALF = MODEL.length >> 1
const ALONE = { temperature: 0, topP: 1 }
const PROMPT = 'once'
const STEPS = 3

/** The ranges that were asked for; while `waits`, an answer stops after one half of the file. */
let ranges, waits, sendRest
let site, address

function answer(request, response) {
  const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': MODEL.length - start,
    etag: '"1"',
    // The browser's own cache would ask for ranges of its own.
    'cache-control': 'no-store',
    ...(start > 0 && { 'content-range': `bytes ${start}-${MODEL.length - 1}/${MODEL.length}` }),
  })
  if (request.method === 'HEAD') return response.end()
  ranges.push(request.headers.range)
  if (!waits) return response.end(MODEL.subarray(start))
  response.write(MODEL.subarray(start, HALF))
  sendRest = () => response.end(MODEL.subarray(HALF))
}

before(async () => {
  site = await openPlain({ '/elsewhere/': answer })
  address = `${site.project.url}elsewhere/small.gguf`
})
after(() => site?.close())
beforeEach(() => ((ranges = []), (waits = false)))

const openModel = (view = {}) =>
  open(site, {
    tab: 'write',
    language: 'en',
    model: address,
    prompt: PROMPT,
    step: STEPS,
    ...ALONE,
    ...view,
  })
/** Waits until one half of the file lies in the browser. */
const halfCame = (page) =>
  page.locator('[data-amount="download"]', { hasText: `${kilobytes(HALF)} of` }).waitFor()
const kilobytes = (count) => `${(count / 1000).toFixed(0)} kB`

test('reloaded in the middle of a download, the page goes on where it was', async () => {
  waits = true
  const { page, close } = await openModel()
  await halfCame(page)
  waits = false
  await page.reload()
  await shows(page, STEPS)
  assert.deepEqual(ranges, ['bytes=0-', `bytes=${HALF}-`])
  const expected = await site.project.page.evaluate(
    async ([bytes, prompt, maxTokens]) => {
      const file = new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], 'small.gguf')
      const writer = await TextGenerator.load(file)
      const [, ...steps] = await globalThis.steps(writer.generate(prompt, { maxTokens }))
      await writer.dispose()
      return steps.map(({ token }) => token.id)
    },
    [MODEL.toString('base64'), PROMPT, STEPS],
  )
  assert.deepEqual(await idsShown(page), expected, 'the weights are those of the file')
  await page.reload()
  await shows(page, STEPS)
  assert.equal(ranges.length, 2, 'what was kept is whole, and used')
  assert.deepEqual(await idsShown(page), expected)
  await close()
})

test('what is kept is shown, opened and deleted, but not while it is on its way', async () => {
  waits = true
  const { page, close } = await openModel({ language: 'zh' })
  await page.locator('[data-amount="download"]', { hasText: `${kilobytes(HALF)} /` }).waitFor()
  const kept = page.locator('[data-kept] li')
  const remove = page.locator(`[data-delete="${address}"]`)
  await page.locator('[data-other-model]').click()
  await kept.filter({ hasText: `small.gguf ${kilobytes(HALF)} · 还没下载完` }).waitFor()
  await remove.click()
  await page.locator('[data-not-deleted]', { hasText: '这个模型正在载入。' }).waitFor()
  sendRest()
  await shows(page, STEPS)

  await page.locator('[data-language]').click()
  await kept.filter({ hasText: `small.gguf ${kilobytes(MODEL.length)} Delete` }).waitFor()
  assert.equal(await page.locator('[data-not-deleted]').count(), 0)
  await page.locator('[data-shipped]').click()
  await page.locator('[data-model=""]').waitFor()
  await page.locator('[data-other-model]').click()
  await kept.locator('.name').click()
  await page.locator(`[data-model="${address}"]`).waitFor()
  await page.locator('[data-loading]').waitFor({ state: 'detached' })
  assert.deepEqual(ranges, ['bytes=0-'], 'it came from the browser')

  await page.locator('[data-other-model]').click()
  await remove.click()
  await kept.waitFor({ state: 'detached' })
  waits = false
  await page.reload()
  await page.locator('[data-chip]').first().waitFor()
  assert.deepEqual(ranges, ['bytes=0-', 'bytes=0-'])
  await close()
})
