// What the page says of where its numbers come from, against what its engine was asked and answered.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { chance, openPlain, shows, translated, written } from './support/page.mjs'

let site
before(async () => (site = await openPlain()))
after(() => site?.close())

/** Runs before the page's own code: keeps what its worker is asked to read, and answers. */
function record() {
  globalThis.asked = []
  globalThis.traced = {}
  globalThis.made = []
  const Plain = globalThis.Worker
  globalThis.Worker = class extends Plain {
    constructor(...all) {
      super(...all)
      this.addEventListener('message', ({ data }) => data.kind === 'reply' && keep(data.reply))
    }
    postMessage(message, ...all) {
      if (message.name === 'begin') globalThis.asked.push(message.request.options.trace)
      super.postMessage(message, ...all)
    }
  }
  function keep(reply) {
    const parts = reply?.traces ?? (Array.isArray(reply) ? reply : [reply])
    for (const part of parts) {
      for (const { site, shape } of part?.trace ?? []) (globalThis.traced[site] ??= []).push(shape)
      if (part?.candidates) globalThis.made.push(part)
    }
  }
}
const route = (page) => page.addInitScript(record)

/** Every name that an origin line gives, and every name of a tensor anywhere else on the page. */
const origins = (page) =>
  page.evaluate(() => {
    const named = [...document.querySelectorAll('[data-tensor]')].map(
      ({ dataset, textContent }) => ({
        site: dataset.tensor,
        shape: dataset.shape.split(' ').map(Number),
        said: textContent,
      }),
    )
    const stray = [...document.querySelectorAll('main code')]
      .filter((code) => !code.closest('[data-tensor]'))
      .map((code) => code.textContent)
    return { named, stray, traced: globalThis.traced }
  })

/** Each name that the page gives was traced, with that shape; others are only the step's own lists. */
async function assertTrue(page, where) {
  const { named, stray, traced } = await origins(page)
  for (const { site, shape, said } of named) {
    assert.ok(traced[site], `${where}: the page says it read ${site}, which was not traced`)
    const same = traced[site].some((found) => `${found}` === `${shape}`)
    assert.ok(same, `${where}: ${site} ${shape} is said, ${JSON.stringify(traced[site][0])} traced`)
    assert.ok(said.includes(site) && said.includes(`[${shape.join(', ')}]`), said)
  }
  for (const text of stray) assert.match(text, /^(candidates|\[\d+\])$/, `${where}: ${text}`)
  return named
}

async function assertCandidates(page, step) {
  const line = await page.locator('[data-origin="candidates"]').textContent()
  const { rows, rest, made } = await page.evaluate(() => ({
    rows: [...document.querySelectorAll('[data-candidate]')].map((row) => [
      Number(row.dataset.candidate),
      row.querySelector('[data-probability]').textContent,
    ]),
    rest: document.querySelector('[data-rest] [data-probability]').textContent,
    made: globalThis.made,
  }))
  const { candidates } = made[step]
  assert.deepEqual(
    rows,
    candidates.map(({ id, logProbability }) => [id, chance(Math.exp(logProbability))]),
  )
  const listed = candidates.reduce((sum, { logProbability }) => sum + Math.exp(logProbability), 0)
  assert.equal(rest, chance(Math.max(0, 1 - listed)))
  assert.match(line, new RegExp(`candidates \\[${candidates.length}\\]: ln p.*p = exp\\(ln p\\)`))
}

test('translating: every tensor that the page names was traced, for every panel', async () => {
  const { page, close } = await translated(site, { panel: 'cross', layer: 1, head: 2 }, { route })
  await assertCandidates(page, (await page.evaluate(() => globalThis.made.length)) - 1)
  const expected = {
    cross: ['decoder.1.cross_attention.weights', 'decoder.1.cross_attention.scores'],
    encoder: ['encoder.1.self_attention.weights', 'encoder.1.self_attention.scores'],
    decoder: ['decoder.1.self_attention.weights', 'decoder.1.self_attention.scores'],
    ring: ['decoder.1.self_attention.weights'],
  }
  for (const [panel, sites] of Object.entries(expected)) {
    await page.locator(`[data-panel="${panel}"]`).click()
    await page.locator(`#cell-${panel}`).waitFor()
    const named = await assertTrue(page, panel)
    assert.deepEqual(
      named.map(({ site }) => site),
      sites,
      panel,
    )
  }
  await page.locator('button:has(canvas)[aria-describedby="cell-ring"]').first().focus()
  await page.keyboard.press('ArrowRight')
  const [slot] = await assertTrue(page, 'a key of the ring')
  assert.equal(slot.site, 'decoder.1.self_attention.slot')
  assert.match(await page.locator('#cell-ring').textContent(), /when position \d+ was written/)
  await page.locator('[data-panel="cross"]').click()
  await page.locator('[data-head="1-mean"]').click()
  assert.deepEqual(
    (await assertTrue(page, 'the mean')).map(({ site }) => site),
    expected.cross.slice(0, 1),
    'a mean is made of weights alone',
  )
  await close()
})

test('what is read of a step is what the panels of its tab name, and no more', async () => {
  const { page, close } = await translated(site, {}, { route })
  const [asked] = await page.evaluate(() => globalThis.asked)
  assert.deepEqual([...asked].sort(), [
    'decoder.*.cross_attention.scores',
    'decoder.*.cross_attention.weights',
    'decoder.*.self_attention.scores',
    'decoder.*.self_attention.slot',
    'decoder.*.self_attention.weights',
    'encoder.*.self_attention.scores',
    'encoder.*.self_attention.weights',
  ])
  await close()
})

test('a cell that a mask forbids was read from nowhere', async () => {
  const { page, close } = await translated(site, { panel: 'decoder', head: 0 }, { route })
  const map = page.locator('button:has(canvas)[aria-describedby="cell-decoder"]')
  const { width } = await map.boundingBox()
  await map.hover({ position: { x: width - 3, y: 3 } })
  assert.match(await page.locator('#cell-decoder').textContent(), /causal mask forbids/)
  assert.equal(await page.locator('#cell-decoder [data-tensor]').count(), 0)
  await close()
})

test('writing: rows of the prompt were read from the prompt’s pass, those of steps from theirs', async () => {
  const { page, close } = await written(site, { panel: 'decoder', layer: 1, head: 0 }, { route })
  await assertCandidates(page, (await page.evaluate(() => globalThis.made.length)) - 1)
  const map = page.locator('button:has(canvas)[aria-describedby="cell-decoder"]')
  const [last] = await assertTrue(page, 'the last step')
  assert.equal(last.shape[1], 1)
  await map.hover({ position: { x: 2, y: 2 } })
  const [first] = await assertTrue(page, 'the prompt')
  assert.ok(first.shape[1] > 1, `${first.shape}`)
  await page.locator('[data-panel="ring"]').click()
  await page.locator('#cell-ring').waitFor()
  await assertTrue(page, 'ring')
  await page
    .locator('button:has(canvas)[aria-describedby="cell-ring"]')
    .first()
    .hover({
      position: { x: 2, y: 2 },
    })
  const [slot] = await assertTrue(page, 'slot 0')
  assert.equal(slot.site, 'decoder.1.self_attention.slot')
  assert.ok(slot.shape[0] > 1, `${slot.shape}: position 0 was written with the prompt`)
  await close()
})
