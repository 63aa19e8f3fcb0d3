// Files kept in the browser (OPFS): one is named whole only when all of it is there and checked.

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { addressOf } from './address.js'
import type { Version } from './download.js'
import { GlassformerError } from './errors.js'
import type { KeptModel } from './types.js'

/** What is known of a kept file: the version it is, and its hash once it is whole. */
interface Record {
  url: string
  version: Version
  sha256: string | null
}

/** What only workers have, and what TypeScript does not know yet. */
interface Access {
  read(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number
  truncate(size: number): void
  getSize(): number
  close(): void
}
type Handle = FileSystemFileHandle & {
  createSyncAccessHandle(): Promise<Access>
  move(name: string): Promise<void>
}
type Folder = FileSystemDirectoryHandle & { keys(): AsyncIterable<string> }

const FOLDER = 'glassformer'
/** The record goes last: what is left without it has no address. */
const ENDINGS = ['whole', 'part', 'json'] as const

/** The place of one address: KEY.json says what it is, KEY.part grows, KEY.whole is used. */
export class Place {
  readonly #folder: FileSystemDirectoryHandle
  readonly #key: string
  /** '' where only the record knows it. */
  readonly #url: string

  private constructor(folder: FileSystemDirectoryHandle, key: string, url: string) {
    this.#folder = folder
    this.#key = key
    this.#url = url
  }

  /** Throws where the browser keeps no files for this page. */
  static async of(url: string): Promise<Place> {
    const key = bytesToHex(sha256(utf8ToBytes(url))).slice(0, 32)
    return new Place(await openFolder(), key, url)
  }

  /** All places where there is anything. */
  static async all(): Promise<Place[]> {
    const folder = await openFolder().catch(() => null)
    const keys = new Set<string>()
    for await (const name of folder?.keys() ?? []) keys.add(name.split('.')[0]!)
    return [...keys].map((key) => new Place(folder!, key, ''))
  }

  /** Shared by the loads that use what is here, and wanted alone by whoever deletes it. */
  get lock(): string {
    return `${FOLDER}/${this.#key}`
  }

  /** What there is; null where nothing says of which address. */
  async kept(): Promise<KeptModel | null> {
    const record = await this.#record()
    const whole = record?.sha256 ? await this.#handle('whole') : null
    const file = await (whole ?? (await this.#handle('part')))?.getFile()
    if (!record || !file) return null
    return { address: addressOf(record.url), bytes: file.size, complete: whole !== null }
  }

  /** The whole file, if there is one. */
  async whole(): Promise<{ file: File; version: Version; sha256: string } | null> {
    const [record, handle] = [await this.#record(), await this.#handle('whole')]
    if (!record?.sha256 || !handle) return null
    return { file: await handle.getFile(), version: record.version, sha256: record.sha256 }
  }

  /**
   * What has come of the file so far, to be gone on with. Throws while another tab or worker has
   * it.
   */
  async part(): Promise<Part> {
    const handle = await this.#handle('part', true)
    const access = await patiently(() => handle!.createSyncAccessHandle())
    return new Part(this, access, await this.#record())
  }

  /** Notes what the part will be. */
  async note(version: Version, hash: string | null = null): Promise<void> {
    const record: Record = { url: this.#url, version, sha256: hash }
    const access = await (await this.#handle('json', true))!.createSyncAccessHandle()
    try {
      access.truncate(0)
      writeAll(access, utf8ToBytes(JSON.stringify(record)), 0)
    } finally {
      access.close()
    }
  }

  /** Names the part whole. */
  async keep(version: Version, hash: string): Promise<void> {
    const part = await this.#handle('part')
    await this.note(version, hash)
    await part?.move(`${this.#key}.whole`)
  }

  /** Forgets everything about the address. */
  async forget(): Promise<void> {
    for (const ending of ENDINGS) await this.#remove(ending).catch(() => {})
  }

  /** Says whether there was anything. Throws, and leaves all as it is, while a load uses it. */
  delete(): Promise<boolean> {
    return patiently(() =>
      navigator.locks.request(this.lock, { ifAvailable: true }, async (lock) => {
        if (!lock) {
          const address = (await this.kept())?.address ?? 'A model'
          const todo = 'abort that or wait for its end, then delete what is kept'
          throw new GlassformerError('busy', `${address} is being loaded: ${todo}.`)
        }
        let found = false
        for (const ending of ENDINGS) found = (await this.#remove(ending)) || found
        return found
      }),
    )
  }

  async #record(): Promise<Record | null> {
    try {
      return JSON.parse(await (await (await this.#handle('json'))!.getFile()).text()) as Record
    } catch {
      // None, or one that was being written when the page was closed.
      return null
    }
  }

  async #remove(ending: string): Promise<boolean> {
    if (!(await this.#handle(ending))) return false
    await this.#folder.removeEntry(`${this.#key}.${ending}`)
    return true
  }

  async #handle(ending: string, create = false): Promise<Handle | null> {
    const handle = this.#folder.getFileHandle(`${this.#key}.${ending}`, { create })
    return (create ? handle : handle.catch(() => null)) as Promise<Handle | null>
  }
}

/** The beginning of a file, open for more; nobody else has it meanwhile. */
export class Part {
  /** Bytes so far, and the version that they are of; 0 and null when there is nothing to go on. */
  size: number
  version: Version | null
  readonly #place: Place
  readonly #access: Access

  constructor(place: Place, access: Access, record: Record | null) {
    this.#place = place
    this.#access = access
    this.version = record && record.sha256 === null ? record.version : null
    this.size = this.version ? access.getSize() : 0
  }

  /** Drops what there is and begins anew with `version`. */
  async begin(version: Version): Promise<void> {
    this.#access.truncate(0)
    this.size = 0
    this.version = version
    await this.#place.note(version)
  }

  read(at: number, count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.min(count, this.size - at))
    return bytes.subarray(0, this.#access.read(bytes, { at }))
  }

  /** Throws when there is no room. */
  append(bytes: Uint8Array<ArrayBuffer>): void {
    writeAll(this.#access, bytes, this.size)
    this.size += bytes.length
  }

  /** Lets go of it; what is there stays for another time. */
  close(): void {
    this.#access.close()
  }
}

/** What is kept of models, the downloads included that broke off. */
export async function listKept(): Promise<KeptModel[]> {
  const kept = await Promise.all((await Place.all()).map((place) => place.kept()))
  return kept.filter((model) => model !== null)
}

/** Deletes what is kept of one address; says whether there was anything. */
export async function deleteKept(url: string): Promise<boolean> {
  const place = await Place.of(url).catch(() => null)
  return place ? place.delete() : false
}

/** Deletes all; what a load uses stays, and is named by the error. */
export async function clearKept(): Promise<void> {
  const deleted = await Promise.allSettled((await Place.all()).map((place) => place.delete()))
  const failed = deleted.find(({ status }) => status === 'rejected') as
    PromiseRejectedResult | undefined
  if (failed) throw failed.reason
}

/** Runs `load`, during which nobody deletes what is kept of `url`. */
export async function whileUsed<T>(url: string, load: () => Promise<T>): Promise<T> {
  // Where no files are kept, locks may be refused, too.
  const place = await Place.of(url).catch(() => null)
  return place ? navigator.locks.request(place.lock, { mode: 'shared' }, load) : load()
}

async function openFolder(): Promise<Folder> {
  // Not there in pages that came without encryption.
  if (!navigator.storage?.getDirectory) throw new Error('this page may keep no files')
  const root = await navigator.storage.getDirectory()
  return (await root.getDirectoryHandle(FOLDER, { create: true })) as Folder
}

/** Tries for a moment: a worker that was told to end has perhaps not let go of a file yet. */
async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (tries === 4) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

function writeAll(access: Access, bytes: Uint8Array<ArrayBuffer>, at: number): void {
  const written = access.write(bytes, { at })
  if (written < bytes.length) throw new DOMException('no room', 'QuotaExceededError')
}
