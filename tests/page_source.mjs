// The page's own house rules, read off its source: layers point one way, views and charts stay apart.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SOURCE = fileURLToPath(new URL('../www/src', import.meta.url))
/** A folder may import itself, unless it is `views`, and those before it. */
const LAYERS = ['state', 'numbers', 'charts', 'views', 'tabs']
/** Of the state, charts know the language and the light: all else is given to them. */
const FOR_CHARTS = 'state/page.svelte'
/** Names of tensors are built in one place. */
const SITES = 'sites.ts'

const files = readdirSync(SOURCE, { recursive: true })
  .filter((path) => /\.(ts|svelte)$/.test(path))
  .map((path) => [path, readFileSync(join(SOURCE, path), 'utf8')])

/** What is wrong with the imports of a file at `path`, relative to the page's source. */
function wrongImports(path, text) {
  const layer = LAYERS.indexOf(dirname(path))
  if (layer < 0) return []
  const statements = [...text.matchAll(/(?:import|export) (type )?[^']*? from '(\.[^']*)'/g)]
  return statements
    .map(([, type, to]) => ({ type, to: normalize(join(dirname(path), to)) }))
    .filter(({ type, to }) => {
      const other = LAYERS.indexOf(dirname(to))
      if (other > layer || (other === layer && LAYERS[layer] === 'views')) return true
      const chart = ['numbers', 'charts'].includes(LAYERS[layer])
      return chart && LAYERS[other] === 'state' && !type && to !== FOR_CHARTS
    })
    .map(({ to }) => to)
}

/** The names of tensors that a file spells out. */
const sitesIn = (path, text) =>
  path === SITES ? [] : (text.match(/\b(encoder|decoder)\.[^\s'"`]*_|_attention\b/g) ?? [])

test('views never import each other, no layer a later one, charts no state of a view', () => {
  const views = files.filter(([path]) => dirname(path) === 'views')
  assert.ok(views.length > 5, 'the views have moved')
  for (const [path, text] of files) assert.deepEqual(wrongImports(path, text), [], path)
})

test('a tensor is asked for by a typed site, not by a name that is put together on the spot', () => {
  assert.ok(
    files.some(([path]) => path === SITES),
    'the sites have moved',
  )
  for (const [path, text] of files) assert.deepEqual(sitesIn(path, text), [], path)
})

test('those checks can fail', () => {
  assert.deepEqual(wrongImports('views/A.svelte', "import B from './B.svelte'"), ['views/B.svelte'])
  const chart = "import B from '../views/B.svelte'"
  assert.deepEqual(wrongImports('charts/A.svelte', chart), ['views/B.svelte'])
  const scene = "import { useScene } from '../state/scene.svelte'"
  assert.deepEqual(wrongImports('charts/A.svelte', scene), ['state/scene.svelte'])
  assert.deepEqual(wrongImports('views/A.svelte', scene), [])
  const type = "import type { Head } from '../state/address'"
  assert.deepEqual(wrongImports('charts/A.svelte', type), [])
  assert.notDeepEqual(
    sitesIn('views/A.svelte', 'trace[`decoder.${layer}.self_attention.slot`]'),
    [],
  )
})
