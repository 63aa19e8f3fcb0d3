// What the browser keeps of models: listed, deleted, and left alone while a load uses it.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { assertWorkers, MODEL, openProject } from './support/project.mjs'

const read = (file) => readFileSync(join(MODEL, file))
const WEIGHTS = read('model.safetensors')
const HALF = WEIGHTS.length >> 1

/** Ranges that were asked for, and what sends the second half of an answer that waits. */
let ranges, sendRest
let project, page, address

/** Answers with the model's files; of weights `/slow/` sends one half, then waits. */
function answer(slow) {
  return (request, response) => {
    const file = request.url.slice(1)
    const bytes = read(file)
    if (file !== 'model.safetensors') return response.end(bytes)
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': bytes.length - start,
      etag: '"1"',
      ...(start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    })
    if (request.method === 'HEAD') return response.end()
    ranges.push(request.headers.range)
    if (!slow || start > 0) return response.end(bytes.subarray(start))
    response.write(bytes.subarray(0, HALF))
    sendRest = () => response.end(bytes.subarray(HALF))
  }
}

before(async () => {
  project = await openProject({ mounts: { '/slow/': answer(true), '/fast/': answer(false) } })
  page = project.page
  address = (path) => new URL(path, project.url).href
})

after(() => project?.close())

beforeEach(async () => {
  ranges = []
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    await root.removeEntry('glassformer', { recursive: true }).catch(() => {})
  })
})

/** Loads in the page: the error if it fails, and where the weights came from. */
const load = (url) =>
  page.evaluate(async (url) => {
    let source
    const onProgress = ({ from, file }) => (source = file === 'model.safetensors' ? from : source)
    const loading = Translator.load(url, { device: 'cpu', onProgress })
    const failure = await globalThis.failure(loading)
    if (failure.code === 'none') await (await loading).dispose()
    return { ...failure, source }
  }, url)

/** Begins a load of `/slow/`, which waits with half of the weights; `globalThis.stop` aborts it. */
const begin = () =>
  page.evaluate(
    (half) =>
      new Promise((resolve) => {
        const controller = new AbortController()
        const onProgress = ({ file, loaded }) =>
          file === 'model.safetensors' && loaded === half && resolve()
        const { signal } = controller
        const loading = Translator.load('/slow/', { device: 'cpu', signal, onProgress })
        globalThis.stop = () => controller.abort()
        globalThis.loaded = globalThis.failure(loading)
        loading.then((translator) => translator.dispose()).catch(() => {})
      }),
    HALF,
  )

const list = () => page.evaluate(() => listKept())
/** What came of it, and the error if there was one. */
const remove = (address) =>
  page.evaluate(async (address) => {
    const deleting = deleteKept(address)
    const { code, message } = await globalThis.failure(deleting)
    return { code, message, found: code === 'none' && (await deleting) }
  }, address)
/** Names of the files that lie in the browser for this page. */
const files = () =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    return Array.fromAsync((await root.getDirectoryHandle('glassformer')).keys())
  })

test('what is kept is listed, and gone once it is deleted', async () => {
  const workers = page.workers().length
  assert.deepEqual(await list(), [])
  await load('/fast/')
  const kept = { address: address('fast/'), bytes: WEIGHTS.length, complete: true }
  assert.deepEqual(await list(), [kept])
  assert.equal((await remove('/slow/')).found, false, 'another address')
  assert.equal((await load(kept.address)).source, 'cache')
  assert.equal((await remove(kept.address)).found, true)
  assert.deepEqual([await list(), await files()], [[], []])
  assert.equal((await remove(kept.address)).found, false)
  assert.equal((await load('/fast/')).source, 'network')
  await assertWorkers(page, workers)
})

test('a download that was cancelled is listed as such; deleted at once, it begins anew', async () => {
  await begin()
  const deleted = await page.evaluate(async () => {
    globalThis.stop()
    await globalThis.loaded
    return [await listKept(), await deleteKept('/slow/'), await listKept()]
  })
  const part = { address: address('slow/'), bytes: HALF, complete: false }
  assert.deepEqual(deleted, [[part], true, []])
  assert.deepEqual(await files(), [])
  await begin()
  assert.deepEqual(ranges, ['bytes=0-', 'bytes=0-'])
  sendRest()
  assert.equal((await page.evaluate(() => globalThis.loaded)).code, 'none')
})

test('what is being downloaded can’t be deleted, and is kept in the end', async () => {
  await begin()
  const found = await remove('/slow/')
  assert.equal(found.code, 'busy')
  assert.ok(found.message.startsWith(`${address('slow/')} is being loaded: abort`), found.message)
  assert.deepEqual(await list(), [{ address: address('slow/'), bytes: HALF, complete: false }])
  sendRest()
  assert.equal((await page.evaluate(() => globalThis.loaded)).code, 'none')
  const kept = { address: address('slow/'), bytes: WEIGHTS.length, complete: true }
  assert.deepEqual(await list(), [kept])
  assert.equal((await load('/slow/')).source, 'cache')
})

test('a load of what is kept has it to its end, whenever it is deleted', async () => {
  await load('/fast/')
  const [code, from, deleted] = await page.evaluate(async () => {
    let deleting
    let source
    const onProgress = ({ from, file }) => {
      if (file !== 'model.safetensors') return
      source = from
      deleting ??= globalThis.failure(deleteKept('/fast/'))
    }
    const loading = Translator.load('/fast/', { device: 'cpu', onProgress })
    const { code } = await globalThis.failure(loading)
    await (await loading).dispose()
    return [code, source, (await deleting).code]
  })
  assert.deepEqual([code, from], ['none', 'cache'])
  assert.equal((await list()).length, deleted === 'busy' ? 1 : 0, deleted)
})

test('all is deleted but what is being downloaded, and a file that nothing tells of, too', async () => {
  await load('/fast/')
  await begin()
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    const folder = await root.getDirectoryHandle('glassformer')
    await folder.getFileHandle('0123.part', { create: true })
  })
  const failure = await page.evaluate(() => globalThis.failure(clearKept()))
  assert.equal(failure.code, 'busy', failure.message)
  assert.deepEqual(await list(), [{ address: address('slow/'), bytes: HALF, complete: false }])
  sendRest()
  await page.evaluate(() => globalThis.loaded)
  await page.evaluate(() => clearKept())
  assert.deepEqual([await list(), await files()], [[], []])
})
