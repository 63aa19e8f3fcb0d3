// A large file from its server as a stream of chunks that outlives broken connections.

import { broken, openAt, sameVersion, type Opened } from './download.js'

/** How often in a row a connection may break without having brought anything. */
const FRUITLESS = 3
/** Milliseconds before the first new try; twice as long before each further one. */
const PAUSE = 500

/** The server has another version of the file now: what has come is worth nothing. */
export class ChangedError extends Error {}

/** The bytes of the file from `start` on, where `opened` begins there or before. */
export async function* streamFrom(
  url: string,
  opened: Opened,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const { version } = opened
  let current = opened
  let at = start
  let fruitless = 0
  if (version.total && at >= version.total) return opened.body.cancel()
  for (;;) {
    let cause: unknown = 'the body ended early'
    const before = at
    try {
      for await (const chunk of skipping(current, at)) {
        at += chunk.length
        yield chunk
      }
      if (at >= version.total) return
    } catch (error) {
      cause = error
    }
    signal.throwIfAborted()
    fruitless = at > before ? 1 : fruitless + 1
    if (fruitless > FRUITLESS) throw broken(url, at, version.total, cause)
    current = await reopened(url, at, opened, fruitless, signal)
  }
}

/** The chunks of a body without the bytes before `at`. */
async function* skipping(
  { start, body }: Opened,
  at: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  let missing = at - start
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const rest = value.subarray(Math.min(missing, value.length))
      missing -= value.length - rest.length
      if (rest.length > 0) yield rest
    }
  } finally {
    // Whoever stops listening ends the connection.
    reader.cancel().catch(() => {})
  }
}

/** A new connection for what is missing, after a pause. */
async function reopened(
  url: string,
  at: number,
  { version }: Opened,
  tries: number,
  signal: AbortSignal,
): Promise<Opened> {
  for (let attempt = tries; ; attempt += 1) {
    await pause(PAUSE * 2 ** (attempt - 1), signal)
    try {
      const found = await openAt(url, at, version, signal)
      if (sameVersion(version, found.version)) return found
      await found.body.cancel()
    } catch (cause) {
      signal.throwIfAborted()
      if (attempt >= FRUITLESS) throw broken(url, at, version.total, cause)
      continue
    }
    throw new ChangedError(`${url} was changed while it was on its way.`)
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => (clearTimeout(timer), reject(signal.reason)), {
      once: true,
    })
  })
}
