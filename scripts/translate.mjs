// Translates with the npm package in headless Chrome: node translate.mjs [--plain] [-] TEXT…

import { parseArgs } from 'node:util'
import {
  inProject,
  linesOfInput,
  run,
  sayAdapter,
  table,
  UsageError,
  visible,
  withPage,
} from './command.mjs'

const USAGE = `usage: ./build.sh translate [--native] [--plain] TEXT…
  Each TEXT is one sentence; \`-\` reads sentences from standard input, one a line.
  --plain   only the translations, one a line
  --native  by the native program instead of the npm package in Chrome`

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

/** Loads the model in the page and leaves it as `translator` on its window. */
async function loadTranslator(page) {
  const adapter = await page.evaluate(async () => {
    const { Translator } = await import('/npm/index.js')
    globalThis.translator = await Translator.load('/models/zh-en/')
    return globalThis.translator.adapter
  })
  sayAdapter(adapter)
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

await run('translate', USAGE, async () => {
  const { texts, plain } = readArguments()
  await withPage({ '/models/': inProject('models/') }, async (page) => {
    await loadTranslator(page)
    if (plain) return printPlain(page, texts)
    console.error('attends: where most cross-attention goes, last decoder layer, mean of its heads')
    for (const text of texts) await printTable(page, text)
  })
})
