// What the commands that run in headless Chrome share: a page with the package, tables, errors.

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launchChrome, openPage } from './chrome.mjs'
import { serve } from './serve.mjs'

/** A call that can't be meant: its message is followed by the usage, and the command ends with 2. */
export class UsageError extends Error {}

/** How edits are written, for the usage of every command. */
export const EDITS = `
  An EDIT makes one thing otherwise, for every step; several apply in order:
    "scale PATTERN by F heads 0,3"   values at these sites are multiplied, of some heads or of all
    "LEVER off in PATTERN"           skips, mlps, scaling, causal mask, padding mask or positions
    "norm layer|rms|none in PATTERN" other norms, or none
    "key-value heads G"              the decoder's keys and values shared in G groups, by their mean
  A PATTERN is a name in which * stands for a part, at the end for all the rest: decoder.*, or
  encoder.0.self_attention.context for a site; blocks are named like encoder.0.self_attention.`

/** The path of what lies at `name` in the project. */
export const inProject = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))

/** The path of a model that the caller named. */
export function modelAt(given) {
  const path = resolve(given)
  if (!existsSync(path)) throw new UsageError(`There is no model at ${path}.`)
  return path
}

/** Runs `main`; what goes wrong is said in a line, with the usage where the call was at fault. */
export async function run(name, usage, main) {
  try {
    await main()
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n${usage}`.trim())
      process.exit(2)
    }
    console.error(`${name}: ${error.message.replace(/^page\.\w+: /, '').split('\n    at ')[0]}`)
    process.exit(1)
  }
}

/** `use` gets a page that serves the package under /npm/, and `mounts`. */
export async function withPage(mounts, use) {
  const server = await serve({
    '/': { html: '<!doctype html><title>Glassformer</title><link rel="icon" href="data:,">' },
    '/npm/': inProject('npm/dist/'),
    ...mounts,
  })
  const browser = await launchChrome()
  try {
    return await use(await openPage(browser, server.url, (line) => console.error(line)))
  } finally {
    await browser.close()
    await server.close()
  }
}

/** Which device computes, for whoever watches. */
export function sayAdapter({ backend, name, fallbackReason }) {
  const fallback = fallbackReason ? ` (${fallbackReason})` : ''
  console.error(`${backend} on ${name || 'an unnamed adapter'}${fallback}`)
}

/** Lines of standard input, the last of which may lack its end. */
export function linesOfInput() {
  const lines = readFileSync(0, 'utf8').split(/\r?\n/)
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

/** Columns as wide as their widest cell, two spaces apart; the last is as wide as it is. */
export function table(rows) {
  const last = rows[0].length - 1
  const width = (column) => Math.max(...rows.map((row) => [...row[column]].length))
  const widths = rows[0].map((_, column) => (column === last ? 0 : width(column)))
  const pad = (cell, column) => cell + ' '.repeat(Math.max(0, widths[column] - [...cell].length))
  return rows.map((row) => row.map(pad).join('  '))
}

/** A space and a line break are shown; a byte that completes no character goes by its piece. */
export function visible({ text, piece }) {
  const shown = text || piece.replaceAll('\u2581', ' ')
  return shown.replaceAll(' ', '␣').replaceAll('\n', '⏎')
}
