// Hugging Face as a browser meets it: an address there leads on to another host that holds the bytes.

import { createServer } from 'node:https'
import { makeCertificate } from '../../scripts/certificate.mjs'

export const HUB = 'huggingface.co'
export const STORE = 'store.hf.example'

/**
 * Plays it for a Chrome that was launched with `hosts`. `read(path)` gives the bytes of
 * `ORGANISATION/NAME/FILE`, or null. As with the real one (huggingface/datasets issue 7931), the store
 * refuses to say what it allows: whoever has to ask first gets nothing.
 */
export async function playHub(read) {
  const hub = { asked: [], cut: null }
  const server = createServer(await makeCertificate([HUB, STORE]), (request, response) => {
    const { method, url, headers } = request
    const { host } = headers
    hub.asked.push({ method, host, url, range: headers.range, referer: headers.referer })
    if (method === 'OPTIONS') return response.writeHead(403).end()
    response.setHeader('access-control-allow-origin', '*')
    const [, organisation, name, view, revision, ...file] = decodeURI(url).split('?')[0].split('/')
    const bytes = read([organisation, name, ...file].join('/'))
    // A model that is not there looks like one that is private.
    if (bytes === null) return response.writeHead(401).end('Invalid username or password.')
    if (view !== 'resolve' || revision !== 'main') return response.writeHead(404).end()
    if (host === HUB) return response.writeHead(302, { location: `https://${STORE}${url}` }).end()
    send(hub, bytes, request, response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  const close = () => new Promise((done) => (server.close(done), server.closeAllConnections()))
  return Object.assign(hub, { hosts: { [HUB]: port, [STORE]: port }, close })
}

/** The bytes that were asked for; where `hub.cut` is a number, no more than that of them, once. */
function send(hub, bytes, { method, headers }, response) {
  const start = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0)
  response.writeHead(headers.range ? 206 : 200, {
    'access-control-expose-headers': '*',
    'content-length': bytes.length - start,
    'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
    etag: '"1"',
  })
  if (method === 'HEAD') return response.end()
  const { cut } = hub
  if (cut === null) return response.end(bytes.subarray(start))
  hub.cut = null
  response.write(bytes.subarray(start, cut), () => setTimeout(() => response.destroy(), 300))
}
