// Translates with the npm package in headless Chrome: node translate.mjs [--plain | --ids] [-] TEXT…

import { parseArgs } from 'node:util'
import {
  EDITS,
  inProject,
  linesOfInput,
  modelAt,
  run,
  sayAdapter,
  table,
  UsageError,
  visible,
  withPage,
} from './command.mjs'

const USAGE = `usage: ./build.sh translate [--native] [--plain | --ids] [--model FOLDER] [--storage S]
                            [--edit EDIT]… [--prefix TEXT] TEXT…
  Each TEXT is one sentence; \`-\` reads sentences from standard input, one a line.
  --plain    only the translations, one a line
  --ids      only the ids of their tokens
  --model    a folder in the Hugging Face layout; models/zh-en by default
  --storage  how the matrices lie on the device: int8 (by default), q8, q4, f16 or f32
  --edit     something to be otherwise; may be given several times
  --prefix   with what the translation is to begin
  --native   by the native program instead of the npm package in Chrome${EDITS}`

/** `{ texts, plain, ids, model, storage, edit, prefix }` of the command line. */
function readArguments() {
  let parsed
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        plain: { type: 'boolean' },
        ids: { type: 'boolean' },
        model: { type: 'string', default: inProject('models/zh-en') },
        storage: { type: 'string' },
        edit: { type: 'string', multiple: true, default: [] },
        prefix: { type: 'string', default: '' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new UsageError(error.message.split('. ')[0])
  }
  const {
    values: { help = false, ...options },
    positionals,
  } = parsed
  const texts = positionals.flatMap((text) => (text === '-' ? linesOfInput() : [text]))
  if (help || positionals.length === 0)
    throw new UsageError(help ? '' : 'There is no text to translate.')
  return { ...options, texts, model: modelAt(options.model) }
}

/** Loads the model in the page and leaves it as `translator` on its window. */
async function loadTranslator(page, storage) {
  const adapter = await page.evaluate(async (storage) => {
    const { Translator } = await import('/npm/index.js')
    globalThis.translator = await Translator.load('/model/', { storage })
    return globalThis.translator.adapter
  }, storage)
  sayAdapter(adapter)
}

const isBlank = (text) => /^[\s\p{Cc}]*$/u.test(text)

/**
 * A line a translation, as `shown`. A blank line stays one, so that lines of answers stay lines of
 * questions.
 */
async function printLines(page, texts, options, shown) {
  const filled = texts.filter((text) => !isBlank(text))
  const translations = await translationsOf(page, filled, options)
  for (const text of texts) console.log(isBlank(text) ? '' : shown(translations.shift()))
}

/** Whole translations, those with a prefix one by one: its tokens are theirs, too. */
const translationsOf = (page, texts, options) =>
  page.evaluate(
    async ([texts, { edits, prefix }]) => {
      const { translator } = globalThis
      if (prefix === '') return translator.translateAll(texts, { edits })
      const beginning = (await translator.tokenize(prefix)).slice(0, -1)
      const translations = []
      for (const text of texts) {
        const tokens = [...beginning]
        let whole = ''
        for await (const step of translator.translate(text, { edits, prefix })) {
          if (step.phase === 'encode') continue
          tokens.push(step.token)
          whole = step.text
        }
        translations.push({ text: whole, tokens })
      }
      return translations
    },
    [texts, options],
  )

const idsOf = ({ tokens }) => tokens.map(({ id }) => id).join(' ')

/** A row a token: step, token, probability, and the source token that it attended to most. */
async function printTable(page, text, options) {
  const steps = await page.evaluate(
    async ([text, options]) => {
      const { translator } = globalThis
      const site = `decoder.${translator.model.decoderLayers - 1}.cross_attention.weights`
      const steps = []
      for await (const step of translator.translate(text, { ...options, trace: [site] })) {
        const [weights] = step.phase === 'decode' ? step.trace : []
        steps.push({
          ...step,
          trace: [],
          heads: weights?.shape[0],
          weights: [...(weights?.data ?? [])],
        })
      }
      return steps
    },
    [text, options],
  )
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
  const { texts, plain, ids, model, storage, edit: edits, prefix } = readArguments()
  const options = { edits, prefix }
  await withPage({ '/model/': model }, async (page) => {
    await loadTranslator(page, storage)
    if (ids) return printLines(page, texts, options, idsOf)
    if (plain) return printLines(page, texts, options, ({ text }) => text)
    console.error('attends: where most cross-attention goes, last decoder layer, mean of its heads')
    for (const text of texts) await printTable(page, text, options)
  })
})
