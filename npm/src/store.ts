// Files kept in the browser (OPFS): one is named whole only when all of it is there and checked.

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Version } from './download.js'

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

const FOLDER = 'glassformer'

/** The place of one address: KEY.json says what it is, KEY.part grows, KEY.whole is used. */
export class Place {
  readonly #folder: FileSystemDirectoryHandle
  readonly #key: string
  readonly #url: string

  private constructor(folder: FileSystemDirectoryHandle, url: string) {
    this.#folder = folder
    this.#url = url
    this.#key = bytesToHex(sha256(utf8ToBytes(url))).slice(0, 32)
  }

  /** Throws where the browser keeps no files for this page. */
  static async of(url: string): Promise<Place> {
    // Not there in pages that came without encryption.
    if (!navigator.storage?.getDirectory) throw new Error('this page may keep no files')
    const root = await navigator.storage.getDirectory()
    return new Place(await root.getDirectoryHandle(FOLDER, { create: true }), url)
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
    return new Part(this, await unlocked(handle!), await this.#record())
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
    for (const ending of ['whole', 'part', 'json'])
      await this.#folder.removeEntry(`${this.#key}.${ending}`).catch(() => {})
  }

  async #record(): Promise<Record | null> {
    try {
      return JSON.parse(await (await (await this.#handle('json'))!.getFile()).text()) as Record
    } catch {
      // None, or one that was being written when the page was closed.
      return null
    }
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

/** Waits a moment for a worker that was told to end, and has not let go of the file yet. */
async function unlocked(handle: Handle): Promise<Access> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await handle.createSyncAccessHandle()
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
