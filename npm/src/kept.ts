// What the browser keeps of models, for a page to list and to delete; a worker looks, as for loading.

import { sourceFrom, weightsOf } from './address.js'
import { Connection } from './connection.js'
import { GlassformerError } from './errors.js'
import type { CallName, Calls } from './protocol.js'
import type { KeptModel } from './types.js'

/** The models whose weights are kept in this browser, also those that have come in part only. */
export function listKept(): Promise<KeptModel[]> {
  return ask('listKept', null)
}

/**
 * Deletes what is kept of the model that `load` would take from `address`; resolves to whether
 * there was anything. Rejects with the code `busy` while it is being loaded, and then nothing is
 * deleted. A model that has been loaded goes on.
 */
export async function deleteKept(address: string | URL): Promise<boolean> {
  return ask('deleteKept', { url: String(weightsOf(sourceFrom(address)).source) })
}

/** Deletes all that is kept, but what is being loaded: then it rejects with the code `busy`. */
export async function clearKept(): Promise<void> {
  await ask('clearKept', null)
}

async function ask<K extends CallName>(
  name: K,
  request: Calls[K]['request'],
): Promise<Calls[K]['reply']> {
  const connection = new Connection()
  try {
    return await connection.call(name, request)
  } finally {
    connection.close(new GlassformerError('disposed', 'The call is over.'))
  }
}
