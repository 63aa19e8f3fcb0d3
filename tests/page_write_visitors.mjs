// The second tab for all kinds of visitors: addresses, both tabs side by side, files, small screens.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { open, openWriter, shows, time, twin, written } from './support/page.mjs'

let site
before(async () => (site = await openWriter()))
after(() => site?.close())

test('opening an address restores tab, prompt, levers, ring, panel and step', async () => {
  const view = { prompt: '七绝《江上》', topK: 5, seed: 3, ring: 16, panel: 'ring', step: 4 }
  const { page, close } = await open(site, { tab: 'write', language: 'zh', ...view })
  await shows(page, 4)
  assert.equal(await page.locator('[data-tab="write"]').getAttribute('aria-current'), 'page')
  assert.equal(await page.locator('[data-source]').inputValue(), view.prompt)
  assert.equal(await page.locator('[data-lever="topK"]').inputValue(), '5')
  assert.equal(await page.locator('[data-lever="seed"]').inputValue(), '3')
  assert.equal(await page.locator('[data-ring-size]').inputValue(), '16')
  assert.equal((await twin(page, 'ring')).length, 17)
  assert.equal((await time(page)).steps, '4', 'no more is computed than is shown')
  await close()
})

test('each tab loads its model when it is first opened, and keeps what it has', async () => {
  const fetched = []
  const route = (page) =>
    page.context().on('request', (request) => {
      const found = /models\/([^/]+)\/model/.exec(request.url())
      if (found) fetched.push(found[1])
    })
  const { page, close } = await open(site, { step: 2, language: 'en' }, { route })
  await shows(page, 2)
  assert.deepEqual([...new Set(fetched)], ['zh-en'])
  const translated = await time(page)
  await page.locator('[data-tab="write"]').click()
  await page.locator('[data-shown="2"]').waitFor()
  assert.deepEqual([...new Set(fetched)], ['zh-en', 'tang-poems'])
  await page.locator('[data-tab="translate"]').click()
  await shows(page, 2)
  assert.deepEqual(await time(page), translated)
  await close()
})

test('what looks like HTML is shown as text', async () => {
  const nasty = '<img src=x onerror="globalThis.broken=1"><b>春</b>'
  const { page, close } = await open(site, { tab: 'write', prompt: nasty, step: 2 })
  await shows(page, 2)
  assert.equal(await page.locator('img, main b').count(), 0)
  assert.equal(await page.evaluate(() => globalThis.broken), undefined)
  assert.equal(await page.locator('[data-source]').inputValue(), nasty)
  await close()
})

test('a wrong file that is dropped is refused in words, and the shipped model comes back', async () => {
  const { page, close } = await open(site, { tab: 'write', step: 1, language: 'en' })
  await shows(page, 1)
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File(['no weights at all'], 'notes.txt'))
    const event = { dataTransfer, bubbles: true, cancelable: true }
    document.body.dispatchEvent(new DragEvent('drop', event))
  })
  await page.locator('[data-error="weights"]').waitFor()
  assert.match(await page.locator('[data-error]').textContent(), /GGUF/)
  assert.match(await page.locator('[data-model]').textContent(), /notes\.txt/)
  await page.locator('[data-shipped]').click()
  await page.locator('[data-shown="1"]').waitFor()
  assert.equal(await page.locator('[data-error]').count(), 0)
  await close()
})

test('the cards of both models open, as text', async () => {
  for (const [tab, folder] of [
    ['translate', 'zh-en'],
    ['write', 'tang-poems'],
  ]) {
    const { page, close } = await open(site, { tab, step: 1, language: 'en' })
    await page.locator(`[data-card="${folder}"]`).click()
    await page.locator('dialog[open] [role="heading"]').first().waitFor()
    assert.ok((await page.locator('dialog').textContent()).length > 500)
    await page.keyboard.press('Escape')
    await close()
  }
})

test('at 360 pixels nothing overflows, in either panel and either language', async () => {
  const { page, close } = await written(
    site,
    { ring: 16, sinks: 2 },
    { width: 360, hasTouch: true },
  )
  for (const language of ['zh', 'en']) {
    for (const panel of ['decoder', 'ring']) {
      await page.locator(`[data-panel="${panel}"]`).click()
      await twin(page, panel)
      const beyond = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      )
      assert.equal(beyond, 0, `${panel}, ${language}`)
    }
    await page.locator('[data-other-model]').click()
    await page.locator('[data-address]').waitFor()
    await page.locator('[data-other-model]').click()
    await page.locator('[data-language]').click()
  }
  await close()
})
