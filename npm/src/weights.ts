// Weights on their way to the engine: from the network, from what was kept, or a visitor's own file.

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { openAt, sameVersion, versionNow, type Opened } from './download.js'
import { GlassformerError } from './errors.js'
import { Place, type Part } from './store.js'
import { streamFrom } from './stream.js'
import type { Progress } from './types.js'

export interface Wanted {
  /** An address, or the file itself. */
  source: string | Blob
  name: string
  /** The hash that the file must have, in hexadecimal; any when null. */
  sha256: string | null
  /** Whether to keep the file, and to use what was kept. */
  cache: boolean
  signal: AbortSignal
  onProgress: (progress: Progress) => void
}

type Chunks = AsyncGenerator<Uint8Array<ArrayBuffer>, void>

/** A file that flows by once; then it is accepted, rejected, or left for another time. */
export interface Weights {
  /** Bytes in all, 0 when unknown. */
  total: number
  /** Throws where the hash is another one, or `ChangedError` where the file became another. */
  chunks(): Chunks
  /** The engine took it: it is kept. */
  accept(): Promise<void>
  /** It is faulty: nothing of it stays. */
  reject(): Promise<void>
  /** What has come stays, to be gone on with. */
  leave(): void
}

const READ_AT_ONCE = 1 << 20
/** Milliseconds in which a server may say that a kept file is out of date. */
const PATIENCE = 3000

export async function openWeights(wanted: Wanted): Promise<Weights> {
  const { source } = wanted
  if (source instanceof Blob) return fromFile(wanted, source, 'file', null)
  const { place, note } = await placeOf(wanted, source)
  const kept = await place?.whole()
  if (place && kept) {
    const expected = wanted.sha256 ?? kept.sha256
    const current = wanted.sha256 !== null || (await isCurrent(source, kept.version, wanted.signal))
    const whole = kept.version.total === kept.file.size
    if (whole && current && kept.sha256 === expected)
      return fromFile({ ...wanted, sha256: null }, kept.file, 'cache', place)
    await place.forget()
  }
  return Incoming.open(wanted, source, place, note)
}

/** Where to keep the file; or why it can't be kept. */
async function placeOf(
  { cache, name }: Wanted,
  url: string,
): Promise<{ place: Place | null; note: string | undefined }> {
  if (!cache) return { place: null, note: undefined }
  try {
    return { place: await Place.of(url), note: undefined }
  } catch (error) {
    return { place: null, note: notKept(name, (error as Error).message) }
  }
}

/** False only where the server says so: without a network a kept file is as good as ever. */
async function isCurrent(url: string, version: Opened['version'], signal: AbortSignal) {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)])
  const now = await versionNow(url, patience).catch(() => null)
  signal.throwIfAborted()
  return now === null || sameVersion(version, now)
}

function fromFile(
  wanted: Wanted,
  blob: Blob,
  from: 'cache' | 'file',
  place: Place | null,
): Weights {
  const { name: file, signal, onProgress } = wanted
  const total = blob.size
  async function* chunks(): Chunks {
    const hash = wanted.sha256 === null ? null : sha256.create()
    onProgress({ phase: 'download', file, loaded: 0, total, from })
    for (let loaded = 0; loaded < total;) {
      signal.throwIfAborted()
      const bytes = await read(blob, loaded, file)
      hash?.update(bytes)
      loaded += bytes.length
      onProgress({ phase: 'download', file, loaded, total, from })
      yield bytes
    }
    if (hash) checkHash(wanted, digestOf(hash))
  }
  return {
    total,
    chunks,
    accept: async () => {},
    reject: async () => place?.forget(),
    leave: () => {},
  }
}

async function read(blob: Blob, at: number, name: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.slice(at, at + READ_AT_ONCE).arrayBuffer())
  } catch (cause) {
    const message = `${name} can't be read any more: was it changed or moved? Choose it again.`
    throw new GlassformerError('download', message, { cause })
  }
}

/** A file from the network, which is kept as it comes. */
class Incoming implements Weights {
  readonly #wanted: Wanted
  readonly #url: string
  readonly #opened: Opened
  readonly #place: Place | null
  #part: Part | null
  #note: string | undefined
  /** Null where nobody would read it. */
  readonly #hash: Hash | null
  #loaded = 0

  static async open(
    wanted: Wanted,
    url: string,
    place: Place | null,
    note: string | undefined,
  ): Promise<Incoming> {
    let part: Part | null = null
    try {
      part = (await place?.part()) ?? null
    } catch (error) {
      const reason = (error as Error).name === 'NoModificationAllowedError'
      note = notKept(wanted.name, reason ? 'it is being loaded twice' : (error as Error).message)
    }
    try {
      const opened = await openAt(url, part?.size ?? 0, part?.version ?? null, wanted.signal)
      const goesOn = part?.version && sameVersion(part.version, opened.version)
      if (!goesOn) await part?.begin(opened.version)
      return new Incoming(wanted, url, opened, place, part, note)
    } catch (error) {
      part?.close()
      throw error
    }
  }

  private constructor(
    wanted: Wanted,
    url: string,
    opened: Opened,
    place: Place | null,
    part: Part | null,
    note: string | undefined,
  ) {
    this.#wanted = wanted
    this.#url = url
    this.#opened = opened
    this.#place = place
    this.#part = part
    this.#note = note
    this.#hash = part || wanted.sha256 !== null ? sha256.create() : null
  }

  get total(): number {
    return this.#opened.version.total
  }

  async *chunks(): Chunks {
    this.#tell()
    for (const size = this.#part?.size ?? 0; this.#loaded < size;) {
      const bytes = this.#part!.read(this.#loaded, READ_AT_ONCE)
      this.#count(bytes)
      yield bytes
    }
    const { signal } = this.#wanted
    for await (const bytes of streamFrom(this.#url, this.#opened, this.#loaded, signal)) {
      await this.#append(bytes)
      this.#count(bytes)
      yield bytes
    }
    if (this.#hash) checkHash(this.#wanted, digestOf(this.#hash))
  }

  async accept(): Promise<void> {
    if (!this.#part || !this.#hash) return
    this.leave()
    try {
      const version = { ...this.#opened.version, total: this.#loaded }
      await this.#place?.keep(version, digestOf(this.#hash))
    } catch {
      // The model is loaded; that it can't be kept is no reason to lose it.
      await this.#place?.forget()
    }
  }

  async reject(): Promise<void> {
    const { place, part } = { place: this.#place, part: this.#part }
    this.leave()
    if (part) await place?.forget()
  }

  leave(): void {
    this.#part?.close()
    this.#part = null
  }

  async #append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      this.#part?.append(bytes)
    } catch (error) {
      const full = (error as Error).name === 'QuotaExceededError'
      const reason = full ? 'the browser has no room for it' : (error as Error).message
      this.#note = notKept(this.#wanted.name, reason)
      this.leave()
      await this.#place?.forget()
    }
  }

  #count(bytes: Uint8Array<ArrayBuffer>): void {
    this.#wanted.signal.throwIfAborted()
    this.#hash?.update(bytes)
    this.#loaded += bytes.length
    this.#tell()
  }

  #tell(): void {
    const { name: file, onProgress } = this.#wanted
    const note = this.#note ? { note: this.#note } : {}
    const total = Math.max(this.total, this.total && this.#loaded)
    onProgress({ phase: 'download', file, loaded: this.#loaded, total, from: 'network', ...note })
  }
}

type Hash = ReturnType<typeof sha256.create>

const digestOf = (hash: Hash) => bytesToHex(hash.clone().digest())

function checkHash({ name, sha256: expected }: Wanted, found: string): void {
  if (expected === null || expected.toLowerCase() === found) return
  throw new GlassformerError(
    'weights',
    `${name}: expected the SHA-256 ${expected}, found ${found}. It is another file, or damaged.`,
  )
}

function notKept(name: string, reason: string): string {
  return `${name} is not kept for the next visit: ${reason}.`
}
