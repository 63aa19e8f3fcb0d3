// An empty project with the packed package installed, served to headless Chrome.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launchChrome, openPage } from '../../scripts/chrome.mjs'
import { serve } from '../../scripts/serve.mjs'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const MODEL = join(ROOT, 'models/zh-en')
export const SENTENCE = '我吃了一个苹果'
export const TRANSLATION = 'I ate an apple.'
export const SENTENCES = [
  '你好',
  '我吃了一个苹果',
  '他昨天去了北京，今天又回来了。',
  '谢谢',
  '这本书是我的',
  '天气很好',
]

/** What every page of the tests has on its window besides the package's own exports. */
const HELPERS = `
  globalThis.steps = async (generator) => {
    const all = []
    for await (const step of generator) all.push(step)
    return all
  }
  globalThis.failure = (promise) => promise.then(
    () => ({ code: 'none', message: 'it did not fail' }),
    (error) => {
      const { name, code, message } = error
      return { name, code, message, ours: error instanceof GlassformerError }
    })
  globalThis.settled = async (value, expected) => {
    for (const end = performance.now() + 10000; performance.now() < end;) {
      if (await value() === expected) break
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return value()
  }`

export const PAGE = `<!doctype html><title>test</title><link rel="icon" href="data:,">
<script type="module">
  import * as glassformer from './node_modules/glassformer/dist/index.js'
  Object.assign(globalThis, glassformer)
  ${HELPERS}
  globalThis.ready = true
</script>`

/** Installs dist/glassformer-*.tgz; `remove` deletes the project again. */
export function installPackage() {
  const tarballs = readdirSync(join(ROOT, 'dist')).filter((name) => name.endsWith('.tgz'))
  if (tarballs.length !== 1)
    throw new Error(`one tarball should be in dist/, not ${tarballs.length}: ./build.sh build`)
  const folder = mkdtempSync(join(tmpdir(), 'glassformer-'))
  writeFileSync(
    join(folder, 'package.json'),
    '{ "name": "visitor", "private": true, "type": "module" }\n',
  )
  const tarball = join(ROOT, 'dist', tarballs[0])
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], {
    cwd: folder,
    stdio: 'pipe',
  })
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** The installed package in a page of its own; `close` ends and deletes everything. */
export async function openProject({ mounts = {}, ...chrome } = {}) {
  const { folder, remove } = installPackage()
  const server = await serve({
    '/': { html: PAGE },
    '/node_modules/': join(folder, 'node_modules'),
    '/model/': MODEL,
    ...mounts,
  })
  const browser = await launchChrome(chrome)
  const complaints = []
  const page = await openPage(browser, server.url, (line) => complaints.push(line))
  await page.waitForFunction(() => globalThis.ready)
  const close = async () => {
    await browser.close()
    await server.close()
    remove()
  }
  return { browser, page, folder, url: server.url, complaints, close }
}

/** Waits until the page has `count` workers: a browser ends one some time after it was told to. */
export async function assertWorkers(page, count) {
  for (let tries = 0; tries < 100 && page.workers().length !== count; tries += 1)
    await page.waitForTimeout(50)
  assert.equal(page.workers().length, count, 'workers that live')
}

/** The steps of a translation; of traced tensors the size, and the data of those in `data`. */
export function translate(page, text, options = {}, data = []) {
  return page.evaluate(
    async ([text, options, data]) => {
      const all = await globalThis.steps(globalThis.translator.translate(text, options))
      const plain = ({ site, shape, data: values }) => ({
        site,
        shape,
        size: values.length,
        data: data.includes(site) ? Array.from(values) : [],
      })
      return all.map((step) => ({ ...step, trace: step.trace.map(plain) }))
    },
    [text, options, data],
  )
}

/** What must agree to the last bit between two runs of one translation. */
export const numbers = (steps) =>
  steps.slice(1).map(({ token, logProbability, rest }) => [token.id, logProbability, rest])
