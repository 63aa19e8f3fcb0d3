// The page's second tab in headless Chrome: a model writes, and every step can be looked at and changed.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  LEVERS,
  PROMPT,
  chance,
  drawn,
  finished,
  idsShown,
  openWriter,
  shows,
  time,
  traced,
  twin,
  visible,
  write,
  written,
} from './support/page.mjs'

const LAYER = 1
const WEIGHTS = `decoder.${LAYER}.self_attention.weights`
const RING = `decoder.${LAYER}.self_attention.ring`

let site, prompt, steps
before(async () => {
  site = await openWriter()
  const trace = [WEIGHTS, 'logits']
  ;[prompt, ...steps] = await write(site, PROMPT, { ...LEVERS, candidates: 12, trace })
})
after(() => site?.close())

const candidates = (page) =>
  page.locator('[data-candidate]').evaluateAll((all) =>
    all.map((row) => ({
      id: Number(row.dataset.candidate),
      probability: row.querySelector('[data-probability]').textContent,
      sampled: row.querySelector('[data-sampled]').textContent,
      struck: getComputedStyle(row.querySelector('th')).textDecorationLine === 'line-through',
    })),
  )
const expected = (choice) =>
  choice.candidates.map(({ id, probability, sampled }) => ({
    id,
    probability: chance(probability),
    sampled: sampled === 0 ? '—' : chance(sampled),
    struck: sampled === 0,
  }))
const pull = (page, name, value) => page.locator(`[data-lever="${name}"]`).fill(`${value}`)

test('a poem is written token by token, and stepping back computes nothing', async () => {
  const { page, close } = await written(site)
  assert.deepEqual(
    await idsShown(page),
    steps.map(({ token }) => token.id),
  )
  const tokens = await page.locator('[data-source-tokens] li').allTextContents()
  assert.deepEqual(
    tokens.map((text) => text.trim()),
    prompt.tokens.map(visible),
  )
  const text = await page.locator('[data-target]').textContent()
  assert.equal(text.trim(), (PROMPT + steps.at(-1).text).trim())
  const { pulled } = await time(page)
  await page.keyboard.press('Home')
  await shows(page, 0)
  for (const [index, step] of steps.slice(0, 6).entries()) {
    await page.keyboard.press('ArrowRight')
    await shows(page, index + 1)
    assert.deepEqual(await candidates(page), expected(step))
  }
  await page.keyboard.press('ArrowLeft')
  await shows(page, 5)
  assert.match(await page.locator('[data-status]').textContent(), /nothing is computed/)
  await page.keyboard.press('End')
  await shows(page, steps.length)
  assert.equal((await time(page)).pulled, pulled)
  await close()
})

test('levers act at once on the kept logits, and what was written stays', async () => {
  const { page, close } = await written(site)
  await page.locator('[data-chip="3"]').click()
  await shows(page, 3)
  const { pulled } = await time(page)
  const levers = { ...LEVERS, temperature: 1.5, topK: 3 }
  await pull(page, 'temperature', levers.temperature)
  await pull(page, 'topK', levers.topK)
  const choice = await site.project.page.evaluate(
    ([logits, history, options]) =>
      globalThis.writer.reconsider(Float32Array.from(logits), history, options),
    [
      traced(steps[2], 'logits').data,
      [...prompt.tokens, ...steps.slice(0, 2).map(({ token }) => token)].map(({ id }) => id),
      { ...levers, candidates: 12 },
    ],
  )
  await page.waitForFunction(
    (wanted) =>
      [...document.querySelectorAll('[data-sampled]')].filter(
        ({ textContent }) => textContent !== '—',
      ).length === wanted,
    3,
  )
  assert.deepEqual(await candidates(page), expected(choice))
  assert.deepEqual(
    await idsShown(page),
    steps.map(({ token }) => token.id),
  )
  assert.equal((await time(page)).pulled, pulled, 'the model did not run')
  await page.locator('[data-restore]').click()
  await page.locator('[data-levers="written"]').waitFor()
  assert.deepEqual(await candidates(page), expected(steps[2]))
  await close()
})

test('a branch begins at the step shown, keeps what came before and the old one to compare', async () => {
  const { page, close } = await written(site)
  await page.locator('[data-chip="8"]').click()
  await shows(page, 8)
  await pull(page, 'temperature', 2)
  await page.locator('[data-next-seed]').click()
  await page.locator('[data-branch]').click()
  await page.locator('[data-control="last"]').click()
  await finished(page)
  const old = steps.map(({ token }) => token.id)
  const now = await idsShown(page)
  assert.deepEqual(now.slice(0, 7), old.slice(0, 7))
  assert.notDeepEqual(now, old)
  assert.equal(await page.locator('[data-branch-index]').count(), 2)
  const seen = await candidates(page)
  assert.ok(seen.length === 12)
  await page.locator('[data-branch-index="0"]').click()
  assert.deepEqual(await idsShown(page), old)
  assert.match(page.url(), /seed=7/)
  await close()
})

test('attention of prompt and text is drawn as it was computed, and each row sums to one', async () => {
  const { page, close } = await written(site, { layer: LAYER, head: 2 })
  const rows = (await twin(page, 'decoder')).slice(1)
  const read = prompt.tokens.length - 1
  assert.equal(rows.length, read + steps.length)
  for (const [position, row] of rows.entries()) {
    const chunk = prompt.traces.find(
      ({ first, trace }) => position >= first && position < first + trace[0].shape[1],
    )
    const [{ shape, data }, at] = chunk
      ? [traced(chunk, WEIGHTS), position - chunk.first]
      : [traced(steps[position - read], WEIGHTS), 0]
    const start = (2 * shape[1] + at) * shape[2]
    const weights = row.slice(1, position + 2).map(Number)
    const wanted = Array.from(data.slice(start, start + position + 1), (weight) => drawn(weight))
    assert.deepEqual(row.slice(1, position + 2), wanted, `position ${position}`)
    const sum = weights.reduce((all, weight) => all + weight, 0)
    assert.ok(Math.abs(sum - 1) < 1e-4 * weights.length, `position ${position} sums to ${sum}`)
    assert.ok(row.slice(position + 2).every((cell) => cell === 'causal mask'))
  }
  await close()
})

test('a small ring turns over: what is drawn is what stands in memory, sinks stay', async () => {
  const view = { panel: 'ring', ring: 8, sinks: 1, layer: LAYER, head: 0 }
  const options = { ...LEVERS, trace: [RING], ringCapacity: 8, sinks: 1 }
  const [, ...small] = await write(site, PROMPT, options)
  const { page, close } = await written(site, view)
  assert.deepEqual(
    await idsShown(page),
    small.map(({ token }) => token.id),
  )
  await page.locator('[data-chip="14"]').click()
  await shows(page, 14)
  const { ring, trace, position } = small[13]
  const { shape, data } = traced({ trace }, RING)
  const [, , groups, width] = shape
  const vector = (slot, which) => {
    const start = (slot * 2 + which) * groups * width
    return Array.from(data.slice(start, start + width), (number) => drawn(number)).join(' ')
  }
  for (const [slot, row] of (await twin(page, 'ring')).slice(1).entries()) {
    assert.equal(row[1], `${ring.positions[slot]}`)
    const state = slot === ring.written ? 'written now' : 'read'
    assert.equal(row[3], slot === 0 ? `${state} · sink, kept` : state)
    assert.deepEqual(row.slice(5), [vector(slot, 0), vector(slot, 1)], `slot ${slot}`)
  }
  assert.equal(ring.positions[0], 0)
  const caption = await page.locator('[data-caption]').textContent()
  assert.ok(caption.includes(`takes the place of position ${position - 7}`), caption)
  await close()
})
