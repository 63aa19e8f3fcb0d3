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

/** Translations only. A blank line stays one, so that lines of answers stay lines of questions. */
async function printPlain(page, texts) {
  const filled = texts.filter((text) => text.trim() !== '')
  const translations = await page.evaluate((all) => globalThis.translator.translateAll(all), filled)
  const answers = translations[Symbol.iterator]()
  for (const text of texts) console.log(text.trim() === '' ? '' : answers.next().value.text)
}

/**
 * One table a sentence: each step's token, its probability, and the source token that it attended
 * to most.
 */
async function printTable(page, text) {
  const translation = await page.evaluate(async (text) => {
    const site = `decoder.${globalThis.translator.model.decoderLayers - 1}.cross_attention.weights`
    let source = []
    let translation = ''
    for await (const step of globalThis.translator.translate(text, { trace: [site] })) {
      if (step.phase === 'encode') {
        source = step.source
        await globalThis.printHeader()
        continue
      }
      const [
        {
          shape: [heads, , width],
          data,
        },
      ] = step.trace
      const weight = (at) =>
        Array.from({ length: heads }, (_, head) => data[head * width + at]).reduce((a, b) => a + b)
      const attended = source
        .map((_, at) => weight(at))
        .reduce((best, w, at, all) => (w > all[best] ? at : best), 0)
      translation = step.text
      await globalThis.printStep(step.position + 1, step.token, step.probability, source[attended])
    }
    return translation
  }, text)
  console.log(`→ ${translation}`)
}

function printHeader() {
  console.log(row('step', 'token', 'probability', 'attends'))
}

function printStep(step, token, probability, attended) {
  console.log(row(String(step), visible(token), probability.toFixed(4), visible(attended)))
}

function row(step, token, probability, attended) {
  return [step.padEnd(4), token.padEnd(16), probability.padEnd(11), attended].join('  ')
}

/**
 * A space is part of many tokens: it is shown. A token that has no text of its own goes by its
 * piece.
 */
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
    await page.exposeFunction('printHeader', printHeader)
    await page.exposeFunction('printStep', printStep)
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
