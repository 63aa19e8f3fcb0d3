// The page end to end in headless Chrome: what it draws, how it is walked, and what may go wrong.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launchChrome } from '../scripts/chrome.mjs'
import { openProject, ROOT, translate } from './support/project.mjs'

const SENTENCE = '我吃了一个苹果。'
const TRACE = [
  'encoder.*.self_attention.weights',
  'decoder.*.self_attention.weights',
  'decoder.*.self_attention.ring',
  'decoder.*.cross_attention.weights',
]
/** In a folder of its own: the page must not care where it lies. */
const PLACE = 'some/folder/'

let project
/** What the package itself gives for the sentence: the encoder's step and the decoder's. */
let encode
let steps

before(async () => {
  project = await openProject({ mounts: { [`/${PLACE}`]: join(ROOT, 'dist/site') } })
  await project.page.evaluate(async () => {
    globalThis.translator = await Translator.load('/model')
  })
  const sites = await project.page.evaluate(() => globalThis.translator.sites)
  const wanted = TRACE.map((pattern) => new RegExp(`^${pattern.replace('*', '\\d+')}$`))
  const data = sites.filter((site) => wanted.some((pattern) => pattern.test(site)))
  ;[encode, ...steps] = await translate(project.page, SENTENCE, { trace: TRACE }, data)
})

after(() => project?.close())

/** The page in a window of its own; what it complains of fails the test that closes it. */
async function open(view = {}, { width = 1280, browser = project.browser, route, ...rest } = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, ...rest })
  const page = await context.newPage()
  const complaints = []
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  if (route) await route(page)
  await page.goto(`${project.url}${PLACE}#${new URLSearchParams(view)}`)
  const close = async () => {
    await context.close()
    assert.deepEqual(complaints, [])
  }
  return { page, close }
}

const time = (page) => page.locator('[data-steps]').evaluate(({ dataset }) => ({ ...dataset }))
const shows = (page, step) => page.locator(`[data-shown="${step}"][data-busy="false"]`).waitFor()
const finished = (page) => page.locator('[data-finished="true"][data-busy="false"]').waitFor()

/** Opens the page and has the whole sentence translated; the encoder's step is shown. */
async function translated(view, options) {
  const opened = await open({ step: 999, language: 'en', ...view }, options)
  await finished(opened.page)
  await shows(opened.page, (await opened.page.locator('[data-chip]').count()) - 1)
  return opened
}

/** The text twin of a chart, cell by cell. */
async function twin(page, name) {
  const details = page.locator(`details[data-twin="${name}"]`)
  if (!(await details.evaluate((element) => element.open))) await details.locator('summary').click()
  return details
    .locator('table')
    .evaluate((table) =>
      [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim())),
    )
}

const traced = (step, site) => step.trace.find((entry) => entry.site === site)
const drawn = (number) => number.toFixed(4).replace('-', '−')
const visible = ({ text, special }) => (special ? text : text.replaceAll(' ', '␣'))

test('the sentence is translated token by token, and the adapter is named', async () => {
  const { page, close } = await translated()
  const chips = await page
    .locator('[data-chip][data-id]')
    .evaluateAll((all) => all.map(({ dataset }) => [Number(dataset.id), dataset.token]))
  assert.deepEqual(
    chips,
    steps.map(({ token }) => [token.id, visible(token)]),
  )
  assert.equal((await page.locator('[data-target]').textContent()).trim(), steps.at(-1).text.trim())
  const source = await page.locator('[data-source-tokens] li').allTextContents()
  assert.deepEqual(
    source.map((text) => text.trim()),
    encode.source.map(visible),
  )
  const adapter = await project.page.evaluate(() => globalThis.translator.adapter)
  const named = await page.locator('[data-adapter]').textContent()
  assert.ok(named.includes(adapter.name) && named.includes('WebGPU'), named)
  assert.equal(await page.locator('[data-fallback]').count(), 0)
  await close()
})

test('walking by keyboard: candidates of every step, and stepping back computes nothing', async () => {
  const { page, close } = await translated()
  const { pulled } = await time(page)
  await page.keyboard.press('Home')
  await shows(page, 0)
  assert.match(await page.locator('[data-status]').textContent(), /nothing is computed/)
  for (const [index, step] of steps.entries()) {
    await page.keyboard.press('ArrowRight')
    await shows(page, index + 1)
    const rows = await page
      .locator('[data-candidate]')
      .evaluateAll((all) =>
        all.map((row) => [
          Number(row.dataset.candidate),
          row.querySelector('th').textContent.trim(),
          row.querySelector('[data-probability]').textContent,
        ]),
      )
    const expected = step.candidates.map((token) => [
      token.id,
      visible(token),
      drawn(token.probability),
    ])
    assert.deepEqual(rows, expected)
    const rest = await page.locator('[data-rest] [data-probability]').textContent()
    assert.equal(rest, drawn(step.rest))
  }
  for (let step = steps.length - 1; step >= 0; step -= 1) {
    await page.keyboard.press('ArrowLeft')
    await shows(page, step)
  }
  await page.keyboard.press('End')
  await shows(page, steps.length)
  assert.equal((await time(page)).pulled, pulled)
  await close()
})

test('going forward computes one step at a time, and playing stops at the end', async () => {
  const { page, close } = await open({ step: 0, language: 'en' })
  await shows(page, 0)
  assert.equal((await time(page)).pulled, '1')
  await page.keyboard.press('ArrowRight')
  await shows(page, 1)
  assert.equal((await time(page)).pulled, '2')
  assert.match(await page.locator('[data-status]').textContent(), /just computed/)
  await page.keyboard.press('Space')
  await page.locator(`[data-shown="${steps.length}"][data-finished="true"]`).waitFor()
  assert.match(await page.locator('[data-status]').textContent(), /ended the sentence/)
  await close()
})

test('cross-attention is drawn as it was computed, for one head and for their mean', async () => {
  const { page, close } = await translated({ panel: 'cross', layer: 1, head: 2 })
  const site = 'decoder.1.cross_attention.weights'
  const [heads, , width] = traced(steps[0], site).shape
  const expected = (weight) =>
    steps.map((step, row) => [
      `${row} ${visible(step.token)}`,
      ...Array.from({ length: width }, (_, column) =>
        column < encode.source.length
          ? drawn(weight(traced(step, site).data, column))
          : 'padding mask',
      ),
    ])
  const one = await twin(page, 'cross')
  assert.deepEqual(
    one.slice(1),
    expected((data, column) => data[2 * width + column]),
  )
  await page.locator('[data-head="1-mean"]').click()
  const mean = (data, column) =>
    Math.fround(
      Array.from({ length: heads }, (_, head) => data[head * width + column]).reduce(
        (sum, weight) => Math.fround(sum + weight / heads),
        0,
      ),
    )
  assert.deepEqual((await twin(page, 'cross')).slice(1), expected(mean))
  await close()
})

test('self-attention is drawn as it was computed, padded and causal cells named', async () => {
  const { page, close } = await translated({ panel: 'encoder', layer: 0, head: 1 })
  const { shape, data } = traced(encode, 'encoder.0.self_attention.weights')
  const [, size, width] = shape
  const length = encode.source.length
  const encoder = encode.source.map((token, row) => [
    `${row} ${visible(token)}`,
    ...Array.from({ length: width }, (_, column) =>
      column < length ? drawn(data[(size + row) * width + column]) : 'padding mask',
    ),
  ])
  assert.deepEqual((await twin(page, 'encoder')).slice(1), encoder)

  await page.locator('[data-panel="decoder"]').click()
  const decoder = steps.map((step, row) => {
    const weights = traced(step, 'decoder.0.self_attention.weights')
    const slots = weights.shape[2]
    return [
      `${row} ${visible(step.input)}`,
      ...steps.map((_, column) =>
        column > row
          ? 'causal mask'
          : drawn(weights.data[slots + step.ring.positions.indexOf(column)]),
      ),
    ]
  })
  assert.deepEqual((await twin(page, 'decoder')).slice(1), decoder)
  await close()
})

test('the ring is drawn as it stands in memory: written, read and free slots', async () => {
  const { page, close } = await translated({ panel: 'ring', layer: 1, head: 0 })
  await page.keyboard.press('ArrowLeft')
  const shown = steps.length - 2
  await shows(page, shown + 1)
  const rows = (await twin(page, 'ring')).slice(1)
  const { shape, data } = traced(steps[shown], 'decoder.1.self_attention.ring')
  const [, , heads, width] = shape
  const vector = (slot, which) => {
    const start = (slot * 2 + which) * heads * width
    return data
      .slice(start, start + width)
      .map(drawn)
      .join(' ')
  }
  for (const [slot, row] of rows.entries()) {
    const [number, position, token, state, , key, value] = row
    assert.equal(number, `${slot}`)
    assert.equal(state, slot > shown ? 'free' : slot === shown ? 'written now' : 'read')
    assert.equal(position, slot > shown ? '' : `${slot}`)
    assert.equal(token, slot > shown ? '' : visible(steps[slot].input))
    assert.equal(key, slot > shown ? '' : vector(slot, 0))
    assert.equal(value, slot > shown ? '' : vector(slot, 1))
  }
  await close()
})

test('any cell gives its formula, its operands and its tensor, by mouse and by keyboard', async () => {
  const { page, close } = await translated({ panel: 'cross', layer: 0, head: 3 })
  const map = page.locator('button:has(canvas)[aria-describedby="cell-cross"]')
  await map.focus()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('ArrowRight')
  const { data, shape } = traced(steps.at(-1), 'decoder.0.cross_attention.weights')
  const readout = page.locator('#cell-cross')
  assert.ok((await readout.textContent()).includes(drawn(data[3 * shape[2] + 1])))
  assert.match(await readout.textContent(), /exp\(score − max\) \/ Σ/)
  assert.match(await readout.textContent(), /decoder\.0\.cross_attention\.weights\s*\[H, T, S\]/)
  assert.equal((await time(page)).shown, `${steps.length}`, 'arrows stay inside the map')
  await map.hover({ position: { x: 2, y: 2 } })
  const first = traced(steps[0], 'decoder.0.cross_attention.weights').data[3 * shape[2]]
  assert.ok((await readout.textContent()).includes(drawn(first)))
  await close()
})

test('the caption names the number that is drawn, in both languages', async () => {
  const { page, close } = await translated({ panel: 'cross', layer: 0, head: 3 })
  await page.locator('[data-chip="2"]').click()
  await shows(page, 2)
  const { data, shape } = traced(steps[1], 'decoder.0.cross_attention.weights')
  const row = data.slice(3 * shape[2], 3 * shape[2] + encode.source.length)
  const best = row.indexOf(Math.max(...row))
  const parts = [steps[1].token, encode.source[best]].map(({ text }) => text.trim())
  const caption = page.locator('[data-caption]')
  for (const part of [...parts, row[best].toFixed(2), 'layer 0 · head 3']) {
    assert.ok((await caption.textContent()).includes(part), part)
  }
  await page.locator('[data-language]').click()
  for (const part of [...parts, row[best].toFixed(2), '层 0 · 头 3', '不是解释']) {
    assert.ok((await caption.textContent()).includes(part), part)
  }
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-Hans')
  await close()
})

test('the browser decides the language and the theme until the visitor does', async () => {
  const options = { locale: 'zh-CN', colorScheme: 'dark', reducedMotion: 'reduce' }
  const { page, close } = await open({}, options)
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
  const first = await translated({ panel: 'decoder', layer: 1, head: 2, theme: 'dark' })
  await first.page.locator('[data-chip="3"]').click()
  await shows(first.page, 3)
  const address = new URL(first.page.url()).hash.slice(1)
  await first.close()
  const { page, close } = await open(new URLSearchParams(address))
  await shows(page, 3)
  assert.equal(await page.locator('[data-panel="decoder"]').getAttribute('aria-pressed'), 'true')
  assert.equal(await page.locator('[data-head="1-2"]').getAttribute('aria-pressed'), 'true')
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark')
  assert.equal((await time(page)).steps, '3', 'no more is computed than is shown')
  await close()
})

test('at 360 pixels nothing overflows, in any panel and either language', async () => {
  const { page, close } = await translated({}, { width: 360, hasTouch: true })
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
  const { page, close } = await translated()
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
  const { page, close } = await translated()
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
  const { page, close } = await translated()
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
  const { page, close } = await open({ input: '他昨天去了北京，今天又回来了。', step: 2 })
  await shows(page, 2)
  await page.locator('[data-source]').fill(SENTENCE)
  await page.keyboard.press('Enter')
  await finished(page)
  const ids = await page
    .locator('[data-chip][data-id]')
    .evaluateAll((all) => all.map(({ dataset }) => Number(dataset.id)))
  assert.deepEqual(
    ids,
    steps.map(({ token }) => token.id),
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
  const { page, close } = await open({ step: 999, language: 'en' }, { route })
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
  const { page } = await open({ step: 999, language: 'en' }, { route })
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
  const { page, close } = await translated({}, { browser })
  assert.match(await page.locator('[data-fallback]').textContent(), /CPU executor.*Reason: \S+/)
  assert.equal(await page.locator('[data-adapter]').getAttribute('data-adapter'), 'CPU')
  const ids = await page
    .locator('[data-chip][data-id]')
    .evaluateAll((all) => all.map(({ dataset }) => Number(dataset.id)))
  assert.deepEqual(
    ids,
    steps.map(({ token }) => token.id),
  )
  await close()
  await browser.close()
})
