// Translates with the npm package in headless Chrome: node translate.mjs [--plain] [-] TEXT…

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { launchChrome, openPage } from './chrome.mjs'
import { serve } from './serve.mjs'

const USAGE = `usage: ./build.sh translate [--native] [--plain] TEXT…
  Each TEXT is one sentence; \`-\` reads sentences from standard input, one a line.
  --plain   only the translations, one a line
  --native  by the native program instead of the npm package in Chrome`

class UsageError extends Error {}

/** `{ texts, plain }` of the command line. */
function readArguments() {
  let parsed
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: { plain: { type: 'boolean' }, help: { type: 'boolean' } },
    })
  } catch (error) {
    throw new UsageError(error.message.split('. ')[0])
  }
  const {
    values: { plain = false, help = false },
    positionals,
  } = parsed
  const texts = positionals.flatMap((text) => (text === '-' ? linesOfInput() : [text]))
  if (help || positionals.length === 0)
    throw new UsageError(help ? '' : 'There is no text to translate.')
  return { texts, plain }
}

function linesOfInput() {
  const lines = readFileSync(0, 'utf8').split(/\r?\n/)
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

/** Loads the model in the page and leaves it as `translator` on its window. */
async function loadTranslator(page) {
  const adapter = await page.evaluate(async () => {
    const { Translator } = await import('/npm/index.js')
    globalThis.translator = await Translator.load('/models/zh-en/')
    return globalThis.translator.adapter
  })
  const fallback = adapter.fallbackReason ? ` (${adapter.fallbackReason})` : ''
  console.error(`${adapter.backend} on ${adapter.name || 'an unnamed adapter'}${fallback}`)
}

const isBlank = (text) => /^[\s\p{Cc}]*$/u.test(text)

/** Translations only. A blank line stays one, so that lines of answers stay lines of questions. */
async function printPlain(page, texts) {
  const filled = texts.filter((text) => !isBlank(text))
  const translations = await page.evaluate((all) => globalThis.translator.translateAll(all), filled)
  for (const text of texts) console.log(isBlank(text) ? '' : translations.shift().text)
}

/** A row a token: step, token, probability, and the source token that it attended to most. */
async function printTable(page, text) {
  const steps = await page.evaluate(async (text) => {
    const site = `decoder.${globalThis.translator.model.decoderLayers - 1}.cross_attention.weights`
    const steps = []
    for await (const step of globalThis.translator.translate(text, { trace: [site] })) {
      const [weights] = step.phase === 'decode' ? step.trace : []
      steps.push({
        ...step,
        trace: [],
        heads: weights?.shape[0],
        weights: [...(weights?.data ?? [])],
      })
    }
    return steps
  }, text)
  const [{ source }, ...decode] = steps
  const rows = decode.map((step) => [
    String(step.position + 1),
    visible(step.token),
    step.probability.toFixed(4),
    visible(source[mostAttended(step, source.length)]),
  ])
  for (const line of table([['step', 'token', 'probability', 'attends'], ...rows]))
    console.log(line)
  console.log(`→ ${decode.at(-1).text}`)
}

/** The source token at which all heads together look most; `weights` are `[H, 1, S]`. */
function mostAttended({ heads, weights }, tokens) {
  const width = weights.length / heads
  const totals = Array.from({ length: tokens }, (_, at) =>
    weights.filter((_, index) => index % width === at).reduce((a, b) => a + b),
  )
  return totals.indexOf(Math.max(...totals))
}

/** Columns as wide as their widest cell, two spaces apart. */
function table(rows) {
  const width = (column) => Math.max(...rows.map((row) => [...row[column]].length))
  const widths = [width(0), width(1), width(2), 0]
  const pad = (cell, column) => cell + ' '.repeat(Math.max(0, widths[column] - [...cell].length))
  return rows.map((row) => row.map(pad).join('  '))
}

/** A space is shown; a byte that completes no character goes by its piece. */
function visible({ text, piece }) {
  return (text || piece.replaceAll('\u2581', ' ')).replaceAll(' ', '␣')
}

async function main() {
  const { texts, plain } = readArguments()
  const path = (folder) => fileURLToPath(new URL(`../${folder}/`, import.meta.url))
  const server = await serve({
    '/': { html: '<!doctype html><title>Glassformer</title><link rel="icon" href="data:,">' },
    '/npm/': path('npm/dist'),
    '/models/': path('models'),
  })
  const browser = await launchChrome()
  try {
    const page = await openPage(browser, server.url, (line) => console.error(line))
    await loadTranslator(page)
    if (plain) return await printPlain(page, texts)
    console.error('attends: where most cross-attention goes, last decoder layer, mean of its heads')
    for (const text of texts) await printTable(page, text)
  } finally {
    await browser.close()
    await server.close()
  }
}

try {
  await main()
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n${USAGE}`.trim())
    process.exit(2)
  }
  console.error(`translate: ${error.message.replace(/^page\.\w+: /, '').split('\n    at ')[0]}`)
  process.exit(1)
}
