// Fetches a model's files with progress, an abort signal, and errors that name the address.

import { GlassformerError } from './errors.js'

/** Called with the bytes that have come and the bytes in all, 0 when the server does not say. */
export type OnBytes = (loaded: number, total: number) => void

/** The whole body of `url`. */
export async function download(
  url: string,
  signal: AbortSignal,
  onBytes: OnBytes,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await request(url, signal)
  const total = Number(response.headers.get('content-length') ?? 0)
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let loaded = 0
  onBytes(0, total)
  try {
    for (const reader = response.body!.getReader(); ;) {
      const { done, value } = await reader.read()
      if (done) break
      chunks.push(value)
      loaded += value.length
      // A body that was compressed on its way is longer than the length that was announced.
      onBytes(loaded, loaded > total ? 0 : total)
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw broken(url, loaded, total, cause)
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer())
}

/** The body of `url` as text. */
export async function downloadText(
  url: string,
  signal: AbortSignal,
  onBytes: OnBytes,
): Promise<string> {
  return new TextDecoder().decode(await download(url, signal, onBytes))
}

async function request(url: string, signal: AbortSignal): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, { signal })
  } catch (cause) {
    signal.throwIfAborted()
    const reason = 'no connection, or its server does not let this page read it (CORS)'
    const message = `${url} could not be reached: ${reason}.`
    throw new GlassformerError('download', message, { cause })
  }
  if (response.ok) return response
  const reason = response.status === 404 ? 'is not there' : 'could not be fetched'
  throw new GlassformerError(
    'download',
    `${url} ${reason} (HTTP ${response.status} ${response.statusText}).`,
  )
}

function broken(url: string, loaded: number, total: number, cause: unknown): GlassformerError {
  const of = total > 0 ? ` of ${total}` : ''
  const message = `The download of ${url} broke off after ${loaded}${of} bytes.`
  return new GlassformerError('download', `${message} Load the model again.`, { cause })
}
