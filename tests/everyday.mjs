// Fifty everyday sentences get the tokens that PyTorch gives them, in Chrome and natively.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openProject, ROOT } from './support/project.mjs'

const GOLDEN = JSON.parse(readFileSync(join(ROOT, 'tests/golden/everyday.json')))
/** The lead in log-probability from which on a storage must choose the token that f32 chooses. */
const LEADS = { f32: 0, int8: 0.3 }

/** `found` has the ids of every sentence. */
function hold(found, storage) {
  assert.equal(found.length, GOLDEN.length)
  for (const [index, { source, ids, least_lead }] of GOLDEN.entries())
    if (least_lead >= LEADS[storage]) assert.deepEqual(found[index], ids, `${source} in ${storage}`)
}

/** The ids that a page finds for all sentences. */
const find = (page, model, storage) =>
  page.evaluate(
    async ([texts, model, storage]) => {
      const translator = await Translator.load(model, { storage })
      const all = await translator.translateAll(texts)
      await translator.dispose()
      return all.map(({ tokens }) => tokens.map(({ id }) => id))
    },
    [GOLDEN.map(({ source }) => source), model, storage],
  )

test('in Chrome fifty everyday sentences get the tokens of PyTorch', async () => {
  const site = join(ROOT, 'dist/site/models/zh-en')
  const project = await openProject({ mounts: { '/packed/': site } })
  try {
    for (const storage of Object.keys(LEADS)) {
      const found = await find(project.page, '/model', storage)
      hold(found, storage)
      // The site's file is half as large, and computes the same.
      if (storage === 'int8') assert.deepEqual(await find(project.page, '/packed', storage), found)
    }
  } finally {
    await project.close()
  }
  const [whole, packed] = [join(ROOT, 'models/zh-en'), site].map(
    (folder) => statSync(join(folder, 'model.safetensors')).size,
  )
  assert.ok(packed < 0.52 * whole, `${packed} bytes of ${whole}`)
})

test('natively, too', () => {
  const input = GOLDEN.map(({ source }) => `${source}\n`).join('')
  for (const storage of Object.keys(LEADS)) {
    const options = ['translate', '--native', '--ids', '--storage', storage, '-']
    const lines = execFileSync('./build.sh', options, { cwd: ROOT, input, encoding: 'utf8' })
    const found = lines.trimEnd().split('\n')
    hold(
      found.map((line) => line.split(' ').map(Number)),
      storage,
    )
  }
})
