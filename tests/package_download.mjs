// Weights on their way: connections that break, servers that lie, and what the browser keeps.

import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { MODEL, openProject, SENTENCE, TRANSLATION } from './support/project.mjs'

const WEIGHTS = readFileSync(join(MODEL, 'model.safetensors'))
const HALF = WEIGHTS.length >> 1
const read = (file) => (file === 'model.safetensors' ? WEIGHTS : readFileSync(join(MODEL, file)))

/** How the server treats the next requests for weights; each test sets what it needs. */
let server
let project
let page

/** Answers as a server would; `server` says what is wrong with it. */
function answer(request, response) {
  const file = request.url.replace(/^\/[^/]*\//, '').split('?')[0]
  const bytes = read(file)
  if (!file.endsWith('.safetensors')) return response.end(bytes)
  const { method, headers } = request
  server.asked.push({ method, range: headers.range, ifRange: headers['if-range'] })
  if (server.down) return request.socket.destroy()
  const honoured = server.ranges && (!headers['if-range'] || headers['if-range'] === server.etag)
  const start = honoured ? Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0) : 0
  const body = bytes.subarray(start)
  const length = server.length ?? body.length
  const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': length,
    etag: server.etag,
    ...(start > 0 ? range : {}),
  })
  if (method === 'HEAD') return response.end()
  const cut = server.cuts.shift()
  if (cut === undefined) return response.end(body.subarray(0, length))
  server.sent = start + cut.bytes
  response.write(body.subarray(0, cut.bytes), () => setTimeout(() => cut.end(response), 300))
}

const destroyed = (response) => response.destroy()
/** So many breaks after half of the file that no patience of the client outlasts them. */
const alwaysCut = () => Array.from({ length: 9 }, () => ({ bytes: 100_000, end: destroyed }))

before(async () => {
  project = await openProject({ mounts: { '/served/': answer } })
  page = project.page
})

after(() => project?.close())

beforeEach(async () => {
  server = { asked: [], cuts: [], ranges: true, etag: '"1"', down: false }
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    await root.removeEntry('glassformer', { recursive: true }).catch(() => {})
  })
})

/** Loads in the page: the error if it fails, and what progress said of the weights. */
const load = (options = {}, url = '/served/') =>
  page.evaluate(
    async ([url, { abortAt, ...options }]) => {
      const told = []
      const controller = new AbortController()
      const onProgress = (step) => {
        if (step.phase !== 'download' || step.file !== 'model.safetensors') return
        told.push(step)
        if (step.loaded >= abortAt) controller.abort()
      }
      const { signal } = controller
      const loading = Translator.load(url, { device: 'cpu', signal, onProgress, ...options })
      const failure = await globalThis.failure(loading)
      if (failure.code === 'none') await (await loading).dispose()
      return { ...failure, first: told[0], last: told.at(-1) }
    },
    [url, options],
  )

/** What lies in the browser for this page: sizes by ending. */
const kept = () =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    const sizes = {}
    const folder = await root.getDirectoryHandle('glassformer').catch(() => null)
    for await (const [name, handle] of folder?.entries() ?? []) {
      if (!name.endsWith('.json')) sizes[name.split('.')[1]] = (await handle.getFile()).size
    }
    return sizes
  })

const succeeds = (found) => assert.equal(found.code, 'none', found.message)
const ranges = () => server.asked.filter(({ method }) => method === 'GET').map(({ range }) => range)
/** Where the second request began. */
const resumedAt = () => Number(/^bytes=(\d+)-$/.exec(ranges()[1])[1])

test('what was fetched is kept, and used when the server is gone', async () => {
  const first = await load()
  succeeds(first)
  assert.deepEqual(
    { ...first.last },
    {
      phase: 'download',
      file: 'model.safetensors',
      loaded: WEIGHTS.length,
      total: WEIGHTS.length,
      from: 'network',
    },
  )
  assert.deepEqual(await kept(), { whole: WEIGHTS.length })
  server.down = true
  const second = await load()
  succeeds(second)
  assert.equal(second.last.from, 'cache')
  assert.equal(second.last.loaded, WEIGHTS.length)
  assert.deepEqual(ranges().length, 1, 'the network was used once')
})

test('without `cache` nothing is kept', async () => {
  succeeds(await load({ cache: false }))
  assert.deepEqual(await kept(), {})
})

test('a connection cut at 50 % is taken up again where it broke', async () => {
  server.cuts = [{ bytes: HALF, end: destroyed }]
  succeeds(await load())
  assert.equal(ranges().length, 2)
  assert.ok(resumedAt() > HALF / 2 && resumedAt() <= HALF, `${resumedAt()} of ${HALF}`)
  assert.equal(server.asked.at(-1).ifRange, '"1"')
  const text = await page.evaluate(async (text) => {
    const translator = await Translator.load('/served/')
    const [{ text: found }] = await translator.translateAll([text])
    await translator.dispose()
    return found
  }, SENTENCE)
  assert.equal(text, TRANSLATION, 'and the weights are whole')
})

test('one that never holds is an error; after a reload of the page it goes on', async () => {
  server.cuts = [{ bytes: HALF, end: destroyed }, ...alwaysCut()]
  server.ranges = false
  const found = await load()
  assert.equal(found.code, 'download')
  assert.match(found.message, /broke off after \d+ of \d+ bytes/)
  const { part } = await kept()
  assert.ok(part > 0 && part <= HALF, `${part} bytes are kept`)
  await page.reload()
  await page.waitForFunction(() => globalThis.ready)
  Object.assign(server, { cuts: [], ranges: true, asked: [] })
  const again = await load()
  succeeds(again)
  assert.deepEqual(ranges(), [`bytes=${part}-`])
  assert.deepEqual(await kept(), { whole: WEIGHTS.length })
})

test('the page may be reloaded in the middle', async () => {
  server.cuts = [{ bytes: HALF, end: () => {} }]
  await page.evaluate(() => {
    globalThis.reached = 0
    const onProgress = ({ file, loaded }) => {
      if (file === 'model.safetensors') globalThis.reached = loaded
    }
    Translator.load('/served/', { device: 'cpu', onProgress }).catch(() => {})
  })
  await page.waitForFunction((half) => globalThis.reached >= half, HALF)
  await page.reload()
  await page.waitForFunction(() => globalThis.ready)
  server.asked = []
  succeeds(await load())
  assert.deepEqual(ranges(), [`bytes=${HALF}-`])
})

test('what was cancelled goes on later', async () => {
  server.cuts = [{ bytes: HALF, end: () => {} }]
  assert.equal((await load({ abortAt: HALF / 2 })).name, 'AbortError')
  server.asked = []
  succeeds(await load())
  assert.match(ranges()[0], /^bytes=[1-9]\d+-$/)
})

test('a server that ignores ranges sends all again, and nothing is taken twice', async () => {
  server.cuts = [{ bytes: HALF, end: destroyed }]
  server.ranges = false
  const found = await load()
  succeeds(found)
  assert.equal(found.last.loaded, WEIGHTS.length)
  assert.deepEqual(await kept(), { whole: WEIGHTS.length })
})

test('a file that becomes another on its way is taken from its beginning', async () => {
  const change = (response) => ((server.etag = '"2"'), response.destroy())
  server.cuts = [{ bytes: HALF, end: change }]
  const found = await load()
  succeeds(found)
  assert.deepEqual(await kept(), { whole: WEIGHTS.length })
  assert.equal(ranges().at(-1), 'bytes=0-')
})

test('a part of an older version is dropped', async () => {
  server.cuts = [{ bytes: HALF, end: () => {} }]
  assert.equal((await load({ abortAt: HALF / 2 })).name, 'AbortError')
  server.etag = '"2"'
  const found = await load()
  succeeds(found)
  assert.equal(found.first.loaded, 0)
  assert.deepEqual(await kept(), { whole: WEIGHTS.length })
})

test('a kept file that its server has changed is fetched again', async () => {
  succeeds(await load())
  server.etag = '"2"'
  const found = await load()
  succeeds(found)
  assert.equal(found.last.from, 'network')
})

test('a server that announces more bytes than the file says it has', async () => {
  server.length = WEIGHTS.length + 1000
  server.cuts = alwaysCut()
  const found = await load()
  assert.equal(found.code, 'weights')
  assert.deepEqual(await kept(), {})
})

test('a server that announces fewer: the file is found to be truncated, and nothing is kept', async () => {
  server.length = HALF
  const found = await load()
  assert.equal(found.code, 'weights')
  assert.deepEqual(await kept(), {})
})

test('without room it loads all the same, and says that nothing is kept', async () => {
  const full = `{
    const { write } = FileSystemSyncAccessHandle.prototype
    FileSystemSyncAccessHandle.prototype.write = function (bytes, { at }) {
      if (at + bytes.length > 5e6) throw new DOMException('full', 'QuotaExceededError')
      return write.call(this, bytes, { at })
    }
  }`
  await page.route('**/worker.js', async (route) => {
    const body = full + (await (await route.fetch()).text())
    await route.fulfill({ contentType: 'text/javascript', body })
  })
  const found = await load()
  await page.unroute('**/worker.js')
  succeeds(found)
  assert.match(found.last.note, /not kept.*no room/)
  assert.deepEqual(await kept(), {})
})

test('two loads at once: one is kept, the other says that it is not', async () => {
  const both = await Promise.all([load(), load()])
  both.forEach(succeeds)
  const notes = both.map(({ last }) => last.note).filter(Boolean)
  assert.ok(notes.length <= 1, notes.join(' '))
  assert.deepEqual(await kept(), { whole: statSync(join(MODEL, 'model.safetensors')).size })
})
