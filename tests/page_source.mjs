// The page's own house rules, read off its import lines: layers point one way, views stay apart.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SOURCE = fileURLToPath(new URL('../www/src', import.meta.url))
/** A folder may import itself, unless it is `views`, and those before it. */
const LAYERS = ['state', 'numbers', 'charts', 'views', 'tabs']

/** What is wrong with the imports of a file at `path`, relative to the page's source. */
function wrongImports(path, text) {
  const layer = LAYERS.indexOf(dirname(path))
  if (layer < 0) return []
  const imported = [...text.matchAll(/from '(\.[^']*)'/g)].map(([, to]) =>
    normalize(join(dirname(path), to)),
  )
  return imported.filter((to) => {
    const other = LAYERS.indexOf(dirname(to))
    return other > layer || (other === layer && LAYERS[layer] === 'views')
  })
}

test('views never import each other, and no layer imports a later one', () => {
  const paths = readdirSync(SOURCE, { recursive: true }).filter((path) =>
    /\.(ts|svelte)$/.test(path),
  )
  assert.ok(paths.filter((path) => dirname(path) === 'views').length > 5, 'the views have moved')
  for (const path of paths) {
    assert.deepEqual(wrongImports(path, readFileSync(join(SOURCE, path), 'utf8')), [], path)
  }
})

test('that check can fail', () => {
  assert.deepEqual(wrongImports('views/A.svelte', "import B from './B.svelte'"), ['views/B.svelte'])
  const chart = "import B from '../views/B.svelte'"
  assert.deepEqual(wrongImports('charts/A.svelte', chart), ['views/B.svelte'])
})
