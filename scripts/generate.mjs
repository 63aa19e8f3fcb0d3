// Writes with the npm package in headless Chrome: node generate.mjs [options] PROMPT.

import { readFileSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { parseArgs } from 'node:util'
import {
  EDITS,
  inProject,
  modelAt,
  run,
  sayAdapter,
  table,
  UsageError,
  visible,
  withPage,
} from './command.mjs'
import { fetchSmolLM2 } from './fetch_smollm2.mjs'

const USAGE = `usage: ./build.sh generate [--native] [options] PROMPT
  PROMPT is the beginning of a text; \`-\` reads it from standard input.
  --model M    smollm2-135m, a .gguf file, or a folder; models/tang-poems by default
  --chat       PROMPT is what a user says to a chat model (in Chrome only)
  --tokens N   tokens at most; 128 by default
  --greedy     the likeliest token every time; else one is drawn:
  --temperature T  --top-k K  --top-p P  --min-p P  --repetition-penalty R  --seed N
               0.8, all, all, all, 1 and another seed each time by default
  --edit EDIT  something to be otherwise; may be given several times
  --plain      only the text
  --native     by the native program instead of the npm package in Chrome${EDITS}`

const TEXT = { type: 'string' }
const YES = { type: 'boolean' }
const OPTIONS = {
  model: TEXT,
  chat: YES,
  tokens: TEXT,
  greedy: YES,
  temperature: TEXT,
  'top-k': TEXT,
  'top-p': TEXT,
  'min-p': TEXT,
  'repetition-penalty': TEXT,
  seed: TEXT,
  edit: { ...TEXT, multiple: true },
  plain: YES,
  help: YES,
}

function readArguments() {
  let parsed
  try {
    parsed = parseArgs({ allowPositionals: true, options: OPTIONS })
  } catch (error) {
    throw new UsageError(error.message.split('. ')[0])
  }
  const { values, positionals } = parsed
  if (values.help) throw new UsageError('')
  if (positionals.length === 0) throw new UsageError('There is no prompt to go on from.')
  const text = positionals.join(' ')
  const number = (name, preset) => {
    if (values[name] === undefined) return preset
    if (values[name].trim() !== '' && Number.isFinite(Number(values[name])))
      return Number(values[name])
    throw new UsageError(`--${name} takes a number, not ${values[name]}.`)
  }
  const sampling = {
    temperature: number('temperature', 0.8),
    topK: number('top-k'),
    topP: number('top-p'),
    minP: number('min-p'),
    repetitionPenalty: number('repetition-penalty'),
    seed: number('seed', Math.floor(Math.random() * 2 ** 32)),
  }
  return {
    prompt: text === '-' ? readFileSync(0, 'utf8') : text,
    model: values.model ?? inProject('models/tang-poems'),
    chat: values.chat ?? false,
    plain: values.plain ?? false,
    options: {
      maxTokens: number('tokens', 128),
      edits: values.edit ?? [],
      ...(values.greedy ? {} : sampling),
    },
  }
}

/** What to serve, and the address of the model there. */
async function placeOf(model) {
  if (/^(hf:|https?:)/.test(model)) return { mounts: {}, address: model }
  const path = model === 'smollm2-135m' ? await fetchSmolLM2() : modelAt(model)
  if (statSync(path).isDirectory()) return { mounts: { '/model/': path }, address: '/model/' }
  const address = `/model/${encodeURIComponent(basename(path))}`
  return { mounts: { '/model/': dirname(path) }, address }
}

/** Loads the model in the page and leaves it as `generator` on its window. */
async function loadGenerator(page, address) {
  const adapter = await page.evaluate(async (address) => {
    const { TextGenerator } = await import('/npm/index.js')
    // This browser is gone in a moment, and what it keeps with it.
    globalThis.generator = await TextGenerator.load(address, { cache: false })
    return globalThis.generator.adapter
  }, address)
  sayAdapter(adapter)
}

/**
 * All steps. With `attention` each `write` step has `attends`, the token that the last layer's heads
 * together look at most.
 */
const generate = (page, prompt, options, attention) =>
  page.evaluate(
    async ([prompt, options, attention]) => {
      const { generator } = globalThis
      const site = `decoder.${generator.model.layers - 1}.self_attention.weights`
      const trace = attention ? [site] : []
      const [tokens, steps] = [[], []]
      for await (const step of generator.generate(prompt, { ...options, trace })) {
        if (step.phase === 'prompt') {
          tokens.push(...step.tokens)
          continue
        }
        const [weights] = step.trace
        if (weights) {
          const [heads] = weights.shape
          const slots = step.ring.positions.map((_, slot) => slot)
          const total = (slot) =>
            Array.from(
              { length: heads },
              (_, head) => weights.data[head * slots.length + slot],
            ).reduce((a, b) => a + b)
          const held = slots.filter((slot) => step.ring.positions[slot] >= 0)
          const most = held.reduce((best, slot) => (total(slot) > total(best) ? slot : best))
          step.attends = tokens[step.ring.positions[most]]
        }
        tokens.push(step.token)
        steps.push({ ...step, trace: [] })
      }
      return steps
    },
    [prompt, options, attention],
  )

/** A row a token: step, token, its probability, and the token that it attended to most. */
function printTable(steps, before) {
  const rows = steps.map(({ token, probability, attends }, index) => [
    String(index + 1),
    visible(token),
    probability.toFixed(4),
    visible(attends),
  ])
  for (const line of table([['step', 'token', 'probability', 'attends'], ...rows]))
    console.log(line)
  console.log(`→ ${before}${steps.at(-1)?.text ?? ''}`)
}

await run('generate', USAGE, async () => {
  const { prompt, model, chat, plain, options } = readArguments()
  const { mounts, address } = await placeOf(model)
  await withPage(mounts, async (page) => {
    await loadGenerator(page, address)
    if (options.seed !== undefined) console.error(`seed ${options.seed}`)
    if (!plain)
      console.error('attends: where most self-attention goes, last layer, mean of its heads')
    const given = chat ? [{ role: 'user', content: prompt }] : prompt
    const steps = await generate(page, given, { ...options, candidates: 1 }, !plain)
    // An answer stands by itself, a text goes on.
    const before = chat ? '' : prompt
    if (plain) console.log(`${before}${steps.at(-1)?.text ?? ''}`)
    else printTable(steps, before)
  })
})
