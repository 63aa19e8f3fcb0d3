// What a visitor may name as a model: an address, a place on Hugging Face, or a file of their own.

import { GlassformerError } from './errors.js'

/** Where a model comes from; `base` ends in a slash. */
export type Source =
  | { kind: 'folder'; base: string }
  | { kind: 'file'; url: string; name: string }
  | { kind: 'blob'; blob: Blob; name: string }

const HUB = 'https://huggingface.co/'
const WEIGHTS = 'model.safetensors'

/**
 * `hf:ORGANISATION/NAME` is a folder there, `hf:ORGANISATION/NAME/FILE` a file; a relative address
 * starts from the page's own. What ends in `.gguf` is a file, all else a folder.
 */
export function sourceFrom(given: string | URL | Blob): Source {
  if (given instanceof Blob) {
    return { kind: 'blob', blob: given, name: given instanceof File ? given.name : 'the file' }
  }
  const url = onHub(String(given)) ?? absolute(given)
  const name = decodeURIComponent(new URL(url).pathname.split('/').at(-1)!)
  if (name.endsWith('.gguf')) return { kind: 'file', url, name }
  return { kind: 'folder', base: url.replace(/\/?$/, '/') }
}

/** Where the weights of a model are, and what a visitor may call them. */
export function weightsOf(source: Source): { source: string | Blob; name: string } {
  if (source.kind === 'folder') return { source: source.base + WEIGHTS, name: WEIGHTS }
  return { source: source.kind === 'file' ? source.url : source.blob, name: source.name }
}

/** The address of the model whose weights are at `url`. */
export function addressOf(url: string): string {
  return url.endsWith(`/${WEIGHTS}`) ? url.slice(0, -WEIGHTS.length) : url
}

/** An address as the page means it. */
export function absolute(url: string | URL): string {
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href
  } catch (cause) {
    const message = `${String(url)} is no address: expected one, or hf:ORGANISATION/NAME/FILE.`
    throw new GlassformerError('input', message, { cause })
  }
}

/** The address of what Hugging Face holds under a short name, or beside a page that shows it. */
function onHub(given: string): string | null {
  const short = /^hf:([^/]+\/[^/]+)\/?(.*)$/.exec(given)
  if (short) return `${HUB}${short[1]}/resolve/main/${short[2]}`
  const page = /^(?:https?:\/\/)?(?:huggingface|hf)\.co\/([^?#]+)(?:\?([^#]*))?/.exec(given)
  if (!page) return null
  // What a visitor copies is the address of a page about the model, or about the file.
  const parts = page[1]!.split('/').filter(Boolean)
  const [organisation, name, view = 'tree', revision = 'main', ...rest] = parts
  if (!name || !/^(blob|tree|raw|resolve)$/.test(view)) return null
  // Or that of the model's page with the file opened beside it.
  const beside = new URLSearchParams(page[2]).get('show_file_info')
  const file = beside ? beside.split('/').map(encodeURIComponent) : rest
  return [HUB + organisation, name, 'resolve', revision, ...file].join('/')
}
