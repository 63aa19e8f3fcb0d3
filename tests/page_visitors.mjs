// The page for all kinds of visitors: languages, themes, widths, inputs, and what may go wrong.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launchChrome } from '../scripts/chrome.mjs'
import {
  SENTENCE,
  finished,
  idsShown,
  open,
  openSite,
  shows,
  time,
  translated,
  twin,
} from './support/page.mjs'

let site
before(async () => (site = await openSite()))
after(() => site?.close())

test('the browser decides the language and the theme until the visitor does', async () => {
  const options = { locale: 'zh-CN', colorScheme: 'dark', reducedMotion: 'reduce' }
  const { page, close } = await open(site, {}, options)
  await shows(page, 0)
  assert.equal(await page.locator('[data-panel="cross"]').textContent(), '交叉注意力')
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const dark = await paper()
  await page.locator('[data-theme-switch]').click()
  const light = await paper()
  const brightness = (colour) => Number(colour.match(/\d+/)[0])
  assert.ok(brightness(dark) < 60 && brightness(light) > 200, `${dark} ${light}`)
  assert.match(page.url(), /theme=light/)
  assert.equal((await time(page)).pulled, '1', 'nothing plays by itself where motion is unwelcome')
  await close()
})

test('opening an address restores the view', async () => {
  const first = await translated(site, { panel: 'decoder', layer: 1, head: 2, theme: 'dark' })
  await first.page.locator('[data-chip="3"]').click()
  await shows(first.page, 3)
  const address = new URL(first.page.url()).hash.slice(1)
  await first.close()
  const { page, close } = await open(site, new URLSearchParams(address))
  await shows(page, 3)
  assert.equal(await page.locator('[data-panel="decoder"]').getAttribute('aria-pressed'), 'true')
  assert.equal(await page.locator('[data-head="1-2"]').getAttribute('aria-pressed'), 'true')
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark')
  assert.equal((await time(page)).steps, '3', 'no more is computed than is shown')
  await close()
})

test('at 360 pixels nothing overflows, in any panel and either language', async () => {
  const { page, close } = await translated(site, {}, { width: 360, hasTouch: true })
  for (const language of ['zh', 'en']) {
    for (const panel of ['cross', 'encoder', 'decoder', 'ring']) {
      await page.locator(`[data-panel="${panel}"]`).click()
      await twin(page, panel)
      const beyond = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      )
      assert.equal(beyond, 0, `${panel}, ${language}`)
    }
    await page.locator('[data-presets]').click()
    await page.locator('[data-preset]').first().waitFor()
    await page.locator('[data-presets]').click()
    await page.locator('[data-language]').click()
  }
  await close()
})

test('an example brings its pinyin and glosses and starts a run of its own', async () => {
  const { page, close } = await translated(site)
  await page.locator('[data-presets]').click()
  await page.locator('[data-preset]').nth(1).click()
  const chosen = await page.locator('[data-source]').inputValue()
  assert.notEqual(chosen, SENTENCE)
  await finished(page)
  const target = await page.locator('[data-chip][data-token]').last().getAttribute('data-token')
  assert.equal(target, '</s>')
  await close()
})

test('what looks like HTML is shown as text', async () => {
  const { page, close } = await translated(site)
  const nasty = '<img src=x onerror="globalThis.broken=1"><b>我</b>'
  await page.locator('[data-source]').fill(nasty)
  await page.locator('[data-run]').click()
  await page.keyboard.press('Escape')
  await page.locator('[data-steps]:not([data-steps="0"])').waitFor()
  assert.equal(await page.locator('img, main b').count(), 0)
  assert.equal(await page.evaluate(() => globalThis.broken), undefined)
  assert.equal(await page.locator('[data-source]').inputValue(), nasty)
  await close()
})

test('empty text is refused in words, and the next text is translated', async () => {
  const { page, close } = await translated(site)
  await page.locator('[data-source]').fill('   ')
  await page.keyboard.press('Enter')
  await page.locator('[data-error="input"]').waitFor()
  await page.locator('[data-source]').fill(SENTENCE)
  await page.keyboard.press('Enter')
  await finished(page)
  assert.equal(await page.locator('[data-error]').count(), 0)
  await close()
})

test('a new text in the middle of a run leaves nothing of the old one', async () => {
  const { page, close } = await open(site, { input: '他昨天去了北京，今天又回来了。', step: 2 })
  await shows(page, 2)
  await page.locator('[data-source]').fill(SENTENCE)
  await page.keyboard.press('Enter')
  await finished(page)
  const ids = await idsShown(page)
  assert.deepEqual(
    ids,
    site.steps.map(({ token }) => token.id),
  )
  await close()
})

test('loading shows bytes, can be cancelled and started again, and keeps what was typed', async () => {
  let held = true
  const route = (page) =>
    page.context().route('**/model.safetensors', async (request) => {
      while (held) await new Promise((resolve) => setTimeout(resolve, 50))
      await request.continue().catch(() => {})
    })
  const { page, close } = await open(site, { step: 999, language: 'en' }, { route })
  await page.locator('[data-amount="download"]', { hasText: /\d+ (k?B|MB)/ }).waitFor()
  await page.locator('[data-source]').fill('谢谢。')
  await page.locator('[data-cancel]').click()
  await page.locator('[data-cancelled]').waitFor()
  held = false
  assert.equal(await page.locator('[data-source]').inputValue(), '谢谢。')
  await page.locator('[data-load]').click()
  await finished(page)
  assert.equal(await page.locator('[data-source]').inputValue(), '谢谢。')
  await close()
})

test('a model that cannot be fetched: the reason, what to do, and another try', async () => {
  let gone = true
  const route = (page) =>
    page
      .context()
      .route('**/model.safetensors', (request) => (gone ? request.abort() : request.continue()))
  const { page } = await open(site, { step: 999, language: 'en' }, { route })
  await page.locator('[data-error="download"]').waitFor()
  assert.match(await page.locator('[data-error]').textContent(), /Check the connection/)
  gone = false
  await page.locator('[data-again]').click()
  await finished(page)
  await page.context().close()
})

test('without WebGPU the CPU executor gives the same tokens, and the page says why', async () => {
  const browser = await launchChrome({
    without: ['--enable-unsafe-webgpu', '--use-webgpu-adapter'],
  })
  const { page, close } = await translated(site, {}, { browser })
  assert.match(await page.locator('[data-fallback]').textContent(), /CPU executor.*Reason: \S+/)
  assert.equal(await page.locator('[data-adapter]').getAttribute('data-adapter'), 'CPU')
  const ids = await idsShown(page)
  assert.deepEqual(
    ids,
    site.steps.map(({ token }) => token.id),
  )
  await close()
  await browser.close()
})
