// An empty project with the packed package installed, served to headless Chrome as a visitor's own page would be.

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

/** What every page of the tests has on its window besides the package's own exports. */
const HELPERS = `
  globalThis.steps = async (generator) => { const all = []; for await (const step of generator) all.push(step); return all }
  globalThis.failure = (promise) => promise.then(
    () => ({ code: 'none', message: 'it did not fail' }),
    (error) => ({ name: error.name, code: error.code, message: error.message, ours: error instanceof GlassformerError }))
  globalThis.settled = async (value, expected) => {
    const end = performance.now() + 10000
    while (await value() !== expected && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20))
    return value()
  }`

export const PAGE = `<!doctype html><title>test</title><link rel="icon" href="data:,"><script type="module">
  import * as glassformer from './node_modules/glassformer/dist/index.js'
  Object.assign(globalThis, glassformer)
  ${HELPERS}
  globalThis.ready = true
</script>`

/** Installs dist/glassformer-*.tgz; `remove` deletes the project again. */
export function installPackage() {
  const tarballs = readdirSync(join(ROOT, 'dist')).filter((name) => name.endsWith('.tgz'))
  if (tarballs.length !== 1) throw new Error(`one tarball should be in dist/, not ${tarballs.length}: ./build.sh build`)
  const folder = mkdtempSync(join(tmpdir(), 'glassformer-'))
  writeFileSync(join(folder, 'package.json'), '{ "name": "visitor", "private": true, "type": "module" }\n')
  const tarball = join(ROOT, 'dist', tarballs[0])
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: folder, stdio: 'pipe' })
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** The installed package in a page of its own; `close` ends and deletes everything. */
export async function openProject({ mounts = {}, without } = {}) {
  const { folder, remove } = installPackage()
  const server = await serve({ '/': { html: PAGE }, '/node_modules/': join(folder, 'node_modules'), '/model/': MODEL, ...mounts })
  const browser = await launchChrome({ without })
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
