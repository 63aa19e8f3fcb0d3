// Fetches files: small ones whole, and large ones from any byte on, with errors that name the address.

import { GlassformerError } from './errors.js'

/** What a status means for a visitor. Hugging Face answers 401 where there is no such model, too. */
const REFUSALS: Record<number, string> = {
  401: 'needs an account, or there is no such model',
  403: 'is not for everyone',
  404: 'is not there',
}
const OTHERWISE = 'could not be fetched'

/** Called with the bytes that have come and the bytes in all, 0 when the server does not say. */
export type OnBytes = (loaded: number, total: number) => void

/** What tells one version of a file from another, as far as its server says. */
export interface Version {
  etag: string | null
  modified: string | null
  /** Bytes, 0 when unknown. */
  total: number
}

/** A file on its way from the byte `start` on. */
export interface Opened {
  version: Version
  start: number
  body: ReadableStream<Uint8Array<ArrayBuffer>>
}

/** The body of `url` as text; '' where there is none and it is `optional`. */
export async function downloadText(
  url: string,
  signal: AbortSignal,
  onBytes: OnBytes,
  optional = false,
): Promise<string> {
  const answer = await request(url, { signal })
  if (answer.status === 404 && optional) return ''
  const response = accepted(url, answer)
  const total = lengthOf(response)
  const decoder = new TextDecoder()
  let text = ''
  let loaded = 0
  onBytes(0, total)
  try {
    for (const reader = response.body!.getReader(); ;) {
      const { done, value } = await reader.read()
      if (done) return text + decoder.decode()
      text += decoder.decode(value, { stream: true })
      loaded += value.length
      // A body that was compressed on its way is longer than the length that was announced.
      onBytes(loaded, loaded > total ? 0 : total)
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw broken(url, loaded, total, cause)
  }
}

/** What the server says of `url` now; null when it can't be asked. */
export async function versionNow(url: string, signal: AbortSignal): Promise<Version | null> {
  try {
    // A range, so that the length is the file's own and not that of a compressed body.
    const headers = { range: 'bytes=0-' }
    const response = await request(url, { method: 'HEAD', headers, signal })
    return response.ok ? versionOf(response, lengthOf(response)) : null
  } catch {
    signal.throwIfAborted()
    return null
  }
}

/**
 * Asks for `url` from the byte `start` on. The answer begins at 0 where the server can't do that,
 * or has another version than `known`.
 */
export async function openAt(
  url: string,
  start: number,
  known: Version | null,
  signal: AbortSignal,
): Promise<Opened> {
  // Asked for by range even from 0: no server compresses a range, so bytes are bytes of the file.
  const headers: Record<string, string> = { range: `bytes=${start}-` }
  // Only for the page's own server: others would first be asked whether they allow this header.
  const own = new URL(url).origin === globalThis.location?.origin
  if (own && start > 0 && known?.etag?.startsWith('"')) headers['if-range'] = known.etag
  const response = await request(url, { signal, headers })
  if (response.status === 416 && start > 0) return openAt(url, 0, null, signal)
  const found = begins(accepted(url, response), start)
  const version = versionOf(response, lengthOf(response) && found + lengthOf(response))
  if (found !== 0 && (found !== start || (known && !sameVersion(known, version)))) {
    await response.body?.cancel()
    return openAt(url, 0, null, signal)
  }
  return { version, start: found, body: response.body! }
}

/** Whether the two may be one version: neither says anything that the other contradicts. */
export function sameVersion(a: Version, b: Version): boolean {
  const strong = (etag: string) => etag.replace(/^W\//, '')
  if (a.total && b.total && a.total !== b.total) return false
  if (a.etag && b.etag) return strong(a.etag) === strong(b.etag)
  return !a.modified || !b.modified || a.modified === b.modified
}

/** The error for a body that ended before its file did. */
export function broken(
  url: string,
  loaded: number,
  total: number,
  cause: unknown,
): GlassformerError {
  const of = total > 0 ? ` of ${total}` : ''
  const message = `The download of ${url} broke off after ${loaded}${of} bytes.`
  return new GlassformerError('download', `${message} Load the model again.`, { cause })
}

/** The byte that a body begins with. */
function begins(response: Response, asked: number): number {
  if (response.status !== 206) return 0
  // Another origin's header may be hidden: then the server is trusted to have done as asked.
  const range = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')
  return range ? Number(range[1]) : asked
}

function lengthOf(response: Response): number {
  return Number(response.headers.get('content-length') ?? 0)
}

function versionOf({ headers }: Response, total: number): Version {
  return { etag: headers.get('etag'), modified: headers.get('last-modified'), total }
}

async function request(url: string, options: RequestInit): Promise<Response> {
  try {
    // Other servers need not know which page asks; Hugging Face turns some pages away by it.
    return await fetch(url, { referrerPolicy: 'same-origin', ...options })
  } catch (cause) {
    options.signal?.throwIfAborted()
    const reason = 'no connection, or its server does not let this page read it (CORS)'
    const message = `${url} could not be reached: ${reason}.`
    throw new GlassformerError('download', message, { cause })
  }
}

function accepted(url: string, response: Response): Response {
  if (response.ok) return response
  const { status, statusText } = response
  const said = `HTTP ${status} ${statusText}`.trim()
  throw new GlassformerError('download', `${url} ${REFUSALS[status] ?? OTHERWISE} (${said}).`)
}
