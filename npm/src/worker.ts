// The worker's entry: receives calls, lets the service answer them, sends replies and errors back.

import { asGlassformerError } from './errors.js'
import type { Context } from './loading.js'
import { buffersOf, type CallName, type Calls, type ToPage, type ToWorker } from './protocol.js'
import { createService } from './service.js'

/** A worker's own scope has the same two methods that a page has on its `Worker`. */
const page = globalThis as unknown as Pick<Worker, 'postMessage' | 'addEventListener'>
const service = createService()
const underWay = new Map<number, { controller: AbortController; answered: Promise<void> }>()

page.addEventListener('message', (event: MessageEvent<ToWorker>) => {
  const message = event.data
  if (message.kind === 'abort') {
    underWay.get(message.id)?.controller.abort()
    return
  }
  const controller = new AbortController()
  const answered = answer(message, controller.signal).finally(() => underWay.delete(message.id))
  underWay.set(message.id, { controller, answered })
})

async function answer(
  { id, name, request }: Extract<ToWorker, { kind: 'call' }>,
  signal: AbortSignal,
): Promise<void> {
  const onProgress: Context['onProgress'] = (progress) => send({ kind: 'progress', id, progress })
  const method = service[name] as (
    request: unknown,
    context: Context,
  ) => Promise<Calls[CallName]['reply']>
  try {
    if (name === 'dispose') await abortAll()
    const reply = await method(request, { signal, onProgress })
    send({ kind: 'reply', id, reply }, buffersOf(reply))
  } catch (error) {
    const { code, message } = asGlassformerError(error)
    send({ kind: 'error', id, error: { code, message } })
  }
}

/** Aborts every call that is under way and waits for the last of them to let go of the engine. */
async function abortAll(): Promise<void> {
  const calls = [...underWay.values()]
  for (const { controller } of calls) controller.abort()
  await Promise.all(calls.map(({ answered }) => answered))
}

function send(message: ToPage, moved: ArrayBuffer[] = []): void {
  page.postMessage(message, moved)
}
