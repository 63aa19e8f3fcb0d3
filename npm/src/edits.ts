// Edits as the engine wants them: words as they are, objects with every field there.

import { GlassformerError } from './errors.js'
import { finite, wholeNumber } from './options.js'
import type { RawEdit } from './raw.js'
import type { Edit } from './types.js'

/** What is to be otherwise in every row; what words and names mean, the engine checks. */
export function rawEdits(edits: Edit[] = []): RawEdit[] {
  if (!Array.isArray(edits)) throw wrong('edits', 'a list', edits)
  return edits.map((edit, index) => rawEdit(edit, `edits[${index}]`))
}

function rawEdit(edit: Edit, name: string): RawEdit {
  if (typeof edit === 'string') return edit
  if (typeof edit !== 'object' || edit === null) throw wrong(name, 'words or an object', edit)
  if ('scale' in edit) {
    const by = finite(`${name}.by`, edit.by, NaN)
    if (Number.isNaN(by)) throw wrong(`${name}.by`, 'a number', edit.by)
    return { scale: edit.scale, by, heads: wholeNumbers(`${name}.heads`, edit.heads ?? []) }
  }
  if ('replace' in edit) {
    const { replace, data } = edit
    if (!(data instanceof Float32Array)) throw wrong(`${name}.data`, 'a Float32Array', data)
    // What a page traces has no axis of a batch: it is meant for every row.
    const shape = [1, ...wholeNumbers(`${name}.shape`, edit.shape)]
    const position = wholeNumber(`${name}.position`, edit.position, null, 0)
    return { replace, shape, data, position }
  }
  if ('keyValueHeads' in edit) {
    const count = wholeNumber(`${name}.keyValueHeads`, edit.keyValueHeads, null)
    if (count === null) throw wrong(`${name}.keyValueHeads`, 'a whole number', count)
    return { keyValueHeads: count }
  }
  return edit
}

function wholeNumbers(name: string, list: number[]): number[] {
  if (!Array.isArray(list)) throw wrong(name, 'a list of whole numbers', list)
  return list.map((number, index) => wholeNumber(`${name}[${index}]`, number, 0, 0))
}

function wrong(name: string, expected: string, found: unknown): GlassformerError {
  const kind = found === null ? 'null' : typeof found
  return new GlassformerError('input', `${name}: expected ${expected}, found ${kind}.`)
}
