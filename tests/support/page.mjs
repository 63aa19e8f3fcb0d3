// The page of dist/site in headless Chrome, and what its charts' text twins say.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { openProject, ROOT, translate } from './project.mjs'

export const SENTENCE = '我吃了一个苹果。'
const TRACE = [
  'encoder.*.self_attention.weights',
  'decoder.*.self_attention.weights',
  'decoder.*.self_attention.ring',
  'decoder.*.cross_attention.weights',
]
/** In a folder of its own: the page must not care where it lies. */
const PLACE = 'some/folder/'

/** The site beside the installed package, whose own steps are what the page is compared with. */
export async function openSite() {
  const { project, close } = await openPlain()
  await project.page.evaluate(async () => {
    globalThis.translator = await Translator.load('/model')
  })
  const sites = await project.page.evaluate(() => globalThis.translator.sites)
  const wanted = TRACE.map((pattern) => new RegExp(`^${pattern.replace('*', '\\d+')}$`))
  const data = sites.filter((site) => wanted.some((pattern) => pattern.test(site)))
  const [encode, ...steps] = await translate(project.page, SENTENCE, { trace: TRACE }, data)
  return { project, encode, steps, close }
}

/** The site beside the package, which loads nothing of its own; `chrome` is for `launchChrome`. */
export async function openPlain(mounts = {}, chrome = {}) {
  const site = { [`/${PLACE}`]: join(ROOT, 'dist/site') }
  const project = await openProject({ mounts: { ...site, ...mounts }, ...chrome })
  return { project, close: project.close }
}

/** The same with the shipped model that writes: `writer` on the package's page. */
export async function openWriter() {
  const { project, close } = await openPlain()
  await project.page.evaluate(async (folder) => {
    globalThis.writer = await TextGenerator.load(folder)
  }, `/${PLACE}models/tang-poems`)
  return { project, close }
}

/** The steps of a text as the package writes it, tensors as plain arrays. */
export function write({ project }, prompt, options) {
  return project.page.evaluate(
    async ([prompt, options]) => {
      const all = await globalThis.steps(globalThis.writer.generate(prompt, options))
      const plain = (trace) =>
        trace.map(({ site, shape, data }) => ({ site, shape, data: Array.from(data) }))
      return all.map((step) =>
        step.phase === 'prompt'
          ? {
              ...step,
              traces: step.traces.map(({ first, trace }) => ({ first, trace: plain(trace) })),
            }
          : { ...step, trace: plain(step.trace) },
      )
    },
    [prompt, options],
  )
}

/** The page in a window of its own; what it complains of fails the test that closes it. */
export async function open({ project }, view = {}, options = {}) {
  const { width = 1280, browser = project.browser, route, ...rest } = options
  const context = await browser.newContext({ viewport: { width, height: 900 }, ...rest })
  // A model is loaded and compiled for every page: on a busy machine that takes its time.
  context.setDefaultTimeout(180_000)
  const page = await context.newPage()
  const complaints = []
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  if (route) await route(page)
  await page.goto(`${project.url}${PLACE}#${new URLSearchParams(view)}`)
  const close = async () => {
    await context.close()
    assert.deepEqual(complaints, [])
  }
  return { page, close }
}

export const time = (page) =>
  page.locator('[data-steps]').evaluate(({ dataset }) => ({ ...dataset }))
export const shows = (page, step) =>
  page.locator(`[data-shown="${step}"][data-busy="false"]`).waitFor()
export const finished = (page) =>
  page.locator('[data-finished="true"][data-busy="false"]').waitFor()

/** Opens the page and has the whole sentence translated; its last step is shown. */
export async function translated(site, view, options) {
  const opened = await open(site, { step: 999, language: 'en', ...view }, options)
  await finished(opened.page)
  await shows(opened.page, (await opened.page.locator('[data-chip]').count()) - 1)
  return opened
}

/** The same of the second tab, for one text and one way to draw. */
export const PROMPT = '五绝《春夜》'
export const LEVERS = {
  temperature: 0.8,
  topK: 0,
  topP: 0.95,
  minP: 0,
  repetitionPenalty: 1,
  seed: 7,
}
export async function written(site, view = {}, options = {}) {
  const address = { tab: 'write', prompt: PROMPT, ...LEVERS, step: 999, language: 'en', ...view }
  const opened = await open(site, address, options)
  await finished(opened.page)
  await shows(opened.page, (await opened.page.locator('[data-chip]').count()) - 1)
  return opened
}

/** The text twin of a chart, cell by cell. */
export async function twin(page, name) {
  const details = page.locator(`details[data-twin="${name}"]`)
  if (!(await details.evaluate((element) => element.open))) await details.locator('summary').click()
  return details
    .locator('table')
    .evaluate((table) =>
      [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim())),
    )
}

export const traced = (step, site) => step.trace.find((entry) => entry.site === site)
export const drawn = (number) => number.toFixed(4).replace('-', '−')
export const chance = (p) =>
  p > 0 && p < 0.0005 ? p.toExponential(1).replace('-', '−') : p.toFixed(4)
export const visible = ({ text, special }) => (special ? text : text.replaceAll(' ', '␣') || '∅')

/** The ids of the tokens that the timeline shows. */
export const idsShown = (page) =>
  page
    .locator('[data-chip][data-id]')
    .evaluateAll((all) => all.map(({ dataset }) => Number(dataset.id)))
