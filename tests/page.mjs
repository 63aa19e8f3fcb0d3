// The page end to end in headless Chrome: what it draws is what was computed, and how it is walked.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import {
  SENTENCE,
  chance,
  idsShown,
  drawn,
  open,
  openSite,
  shows,
  time,
  traced,
  translated,
  twin,
  visible,
} from './support/page.mjs'

const GOLDEN = new URL('golden/zh-en.json', import.meta.url)
/** The page's weights are stored in eight bits, PyTorch's are not: probabilities differ by less. */
const INT8 = 0.05

let site
before(async () => (site = await openSite()))
after(() => site?.close())

test('the sentence is translated token by token, and the adapter is named', async () => {
  const { page, close } = await translated(site)
  const chips = await page
    .locator('[data-chip][data-id]')
    .evaluateAll((all) => all.map(({ dataset }) => [Number(dataset.id), dataset.token]))
  assert.deepEqual(
    chips,
    site.steps.map(({ token }) => [token.id, visible(token)]),
  )
  assert.equal(
    (await page.locator('[data-target]').textContent()).trim(),
    site.steps.at(-1).text.trim(),
  )
  const source = await page.locator('[data-source-tokens] li').allTextContents()
  assert.deepEqual(
    source.map((text) => text.trim()),
    site.encode.source.map(visible),
  )
  const adapter = await site.project.page.evaluate(() => globalThis.translator.adapter)
  const named = await page.locator('[data-adapter]').textContent()
  assert.ok(named.includes(adapter.name) && named.includes('WebGPU'), named)
  assert.equal(await page.locator('[data-fallback]').count(), 0)
  await close()
})

test('walking by keyboard: candidates of every step, and stepping back computes nothing', async () => {
  const { page, close } = await translated(site)
  const { pulled } = await time(page)
  await page.keyboard.press('Home')
  await shows(page, 0)
  assert.match(await page.locator('[data-status]').textContent(), /nothing is computed/)
  for (const [index, step] of site.steps.entries()) {
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
      chance(token.probability),
    ])
    assert.deepEqual(rows, expected)
    const rest = await page.locator('[data-rest] [data-probability]').textContent()
    assert.equal(rest, chance(step.rest))
  }
  for (let step = site.steps.length - 1; step >= 0; step -= 1) {
    await page.keyboard.press('ArrowLeft')
    await shows(page, step)
  }
  await page.keyboard.press('End')
  await shows(page, site.steps.length)
  assert.equal((await time(page)).pulled, pulled)
  await close()
})

test('going forward computes one step at a time, and playing stops at the end', async () => {
  const { page, close } = await open(site, { step: 0, language: 'en' })
  await shows(page, 0)
  assert.equal((await time(page)).pulled, '1')
  await page.keyboard.press('ArrowRight')
  await shows(page, 1)
  assert.equal((await time(page)).pulled, '2')
  assert.match(await page.locator('[data-status]').textContent(), /just computed/)
  await page.keyboard.press('Space')
  await page.locator(`[data-shown="${site.steps.length}"][data-finished="true"]`).waitFor()
  assert.match(await page.locator('[data-status]').textContent(), /ended the sentence/)
  await close()
})

test('cross-attention is drawn as it was computed, for one head and for their mean', async () => {
  const { page, close } = await translated(site, { panel: 'cross', layer: 1, head: 2 })
  const tensor = 'decoder.1.cross_attention.weights'
  const [heads, , width] = traced(site.steps[0], tensor).shape
  const expected = (weight) =>
    site.steps.map((step, row) => [
      `${row} ${visible(step.token)}`,
      ...Array.from({ length: width }, (_, column) =>
        column < site.encode.source.length
          ? drawn(weight(traced(step, tensor).data, column))
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

test('what is drawn agrees with PyTorch: tokens, candidates and every cross-attention', async (t) => {
  const golden = JSON.parse(readFileSync(GOLDEN)).find(({ source }) => source === SENTENCE)
  const { page, close } = await translated(site, { panel: 'cross' })
  assert.deepEqual(await idsShown(page), golden.ids)
  let worst = 0
  const near = (text, expected, what) => {
    const off = Math.abs(Number(text.replace('−', '-')) - expected)
    worst = Math.max(worst, off)
    assert.ok(off < INT8, `${what}: ${text} is drawn, PyTorch has ${expected}`)
  }
  for (const [step, candidates] of golden.candidates.entries()) {
    await page.locator(`[data-chip="${step + 1}"]`).click()
    await shows(page, step + 1)
    const drawn = await page
      .locator('[data-candidate]')
      .evaluateAll((all) =>
        all.map((row) => [
          row.dataset.candidate,
          row.querySelector('[data-probability]').textContent,
        ]),
      )
    const found = new Map(drawn)
    assert.equal(Number(drawn[0][0]), candidates[0].id)
    for (const { id, probability } of candidates) {
      if (found.has(`${id}`)) near(found.get(`${id}`), probability, `step ${step}, token ${id}`)
    }
  }
  for (const [layer, heads] of golden.cross_attention.entries()) {
    for (const [head, rows] of heads.entries()) {
      await page.locator(`[data-head="${layer}-${head}"]`).click()
      const table = (await twin(page, 'cross')).slice(1)
      for (const [row, weights] of rows.entries()) {
        for (const [column, weight] of weights.entries()) {
          near(table[row][column + 1], weight, `layer ${layer}, head ${head}, ${row} × ${column}`)
        }
      }
    }
  }
  t.diagnostic(`worst difference from PyTorch: ${worst.toFixed(4)}`)
  await close()
})

test('self-attention is drawn as it was computed, padded and causal cells named', async () => {
  const { page, close } = await translated(site, { panel: 'encoder', layer: 0, head: 1 })
  const { shape, data } = traced(site.encode, 'encoder.0.self_attention.weights')
  const [, size, width] = shape
  const length = site.encode.source.length
  const encoder = site.encode.source.map((token, row) => [
    `${row} ${visible(token)}`,
    ...Array.from({ length: width }, (_, column) =>
      column < length ? drawn(data[(size + row) * width + column]) : 'padding mask',
    ),
  ])
  assert.deepEqual((await twin(page, 'encoder')).slice(1), encoder)

  await page.locator('[data-panel="decoder"]').click()
  const decoder = site.steps.map((step, row) => {
    const weights = traced(step, 'decoder.0.self_attention.weights')
    const slots = weights.shape[2]
    return [
      `${row} ${visible(step.input)}`,
      ...site.steps.map((_, column) =>
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
  const { page, close } = await translated(site, { panel: 'ring', layer: 1, head: 0 })
  await page.keyboard.press('ArrowLeft')
  const shown = site.steps.length - 2
  await shows(page, shown + 1)
  const rows = (await twin(page, 'ring')).slice(1)
  const { shape, data } = traced(site.steps[shown], 'decoder.1.self_attention.ring')
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
    assert.equal(token, slot > shown ? '' : visible(site.steps[slot].input))
    assert.equal(key, slot > shown ? '' : vector(slot, 0))
    assert.equal(value, slot > shown ? '' : vector(slot, 1))
  }
  await close()
})

test('any cell gives its formula, its operands and its tensor, by mouse and by keyboard', async () => {
  const { page, close } = await translated(site, { panel: 'cross', layer: 0, head: 3 })
  const map = page.locator('button:has(canvas)[aria-describedby="cell-cross"]')
  await map.focus()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('ArrowRight')
  const { data, shape } = traced(site.steps.at(-1), 'decoder.0.cross_attention.weights')
  const readout = page.locator('#cell-cross')
  assert.ok((await readout.textContent()).includes(drawn(data[3 * shape[2] + 1])))
  assert.match(await readout.textContent(), /exp\(score − max\) \/ Σ/)
  assert.match(await readout.textContent(), /decoder\.0\.cross_attention\.weights\s*\[H, T, S\]/)
  assert.equal((await time(page)).shown, `${site.steps.length}`, 'arrows stay inside the map')
  await map.hover({ position: { x: 2, y: 2 } })
  const first = traced(site.steps[0], 'decoder.0.cross_attention.weights').data[3 * shape[2]]
  assert.ok((await readout.textContent()).includes(drawn(first)))
  await close()
})

test('the caption names the number that is drawn, in both languages', async () => {
  const { page, close } = await translated(site, { panel: 'cross', layer: 0, head: 3 })
  await page.locator('[data-chip="2"]').click()
  await shows(page, 2)
  const { data, shape } = traced(site.steps[1], 'decoder.0.cross_attention.weights')
  const row = data.slice(3 * shape[2], 3 * shape[2] + site.encode.source.length)
  const best = row.indexOf(Math.max(...row))
  const parts = [site.steps[1].token, site.encode.source[best]].map(({ text }) => text.trim())
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
