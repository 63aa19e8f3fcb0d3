// SmolLM2 in the page: opened from disk, it answers a chat; its grouped heads are drawn as groups.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fetchSmolLM2 } from '../scripts/fetch_smollm2.mjs'
import { finished, open, openPlain, shows, twin } from './support/page.mjs'

const ALONE = { temperature: 0, topP: 1, ring: 64, sinks: 4 }

let site, file
before(async () => {
  file = await fetchSmolLM2(() => {})
  site = await openPlain()
})
after(() => site?.close())

test('a GGUF from disk answers messages, and its heads share keys and values', async () => {
  const view = { tab: 'write', language: 'en', model: 'file:none', ...ALONE }
  const { page, close } = await open(site, view, { reducedMotion: 'reduce' })
  await page.locator('[data-file-gone]').waitFor()
  await page.locator('[data-other-model]').click()
  await page.locator('[data-file]').setInputFiles(file)
  await page.locator('[data-amount="download"]', { hasText: /98\.4 MB/ }).waitFor()
  await shows(page, 0)
  const given = await page.locator('[data-source-tokens]').textContent()
  assert.match(given, /<\|im_start\|>.*system.*<\|im_start\|>.*user.*<\|im_start\|>/s)

  await page.locator('[data-source]').fill('Say hello.')
  await page.keyboard.press('Enter')
  await page.locator('[data-source]').blur()
  await page.locator('[data-shown]:not([data-shown="0"])').waitFor()
  await page.locator('[data-control="last"]').click()
  await finished(page)
  const answer = (await page.locator('[data-target]').textContent()).trim()
  assert.match(answer, /hello/i)
  assert.equal(await page.locator('[data-group]').count(), 3)
  assert.match(await page.locator('[data-groups]').textContent(), /9 query heads in 3 groups/)
  await page.locator('[data-head="3-4"]').click()
  for (const row of (await twin(page, 'decoder')).slice(1)) {
    const weights = row.slice(1).map(Number).filter(Number.isFinite)
    const sum = weights.reduce((all, weight) => all + weight, 0)
    assert.ok(Math.abs(sum - 1) < 1e-4 * weights.length, `${row[0]} sums to ${sum}`)
  }

  await page.locator('[data-source]').fill('And goodbye?')
  await page.keyboard.press('Enter')
  await page.locator('[role="log"]').waitFor()
  const log = await page.locator('[role="log"]').textContent()
  assert.ok(log.includes('Say hello.') && log.includes(answer), log)
  await close()
})
