// Serves folders over HTTP, as any static file server would: node serve.mjs FOLDER [--port N].

import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import sirv from 'sirv'

/**
 * Serves each folder of `mounts` under its path, e.g. `{ '/models/': 'models' }`; a page's text may
 * stand in for a folder, `{ '/': { html: '<!doctype html>…' } }`, or a function that answers
 * requests. Port 0 takes a free one. `headers`
 * go with every answer.
 */
export async function serve(mounts, port = 0, headers = {}) {
  const handlers = Object.entries(mounts)
    .sort(([a], [b]) => b.length - a.length)
    .map(([path, what]) => ({
      path,
      handle: handlerOf(what),
    }))
  const server = createServer((request, response) => {
    const missing = () => response.writeHead(404, { 'content-type': 'text/plain' }).end('Not found')
    const mount = handlers.find(({ path }) => request.url.startsWith(path))
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    if (!mount) return missing()
    request.url = request.url.slice(mount.path.length - 1)
    mount.handle(request, response, missing)
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, resolve))
  return {
    url: `http://localhost:${server.address().port}/`,
    close: () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())),
  }
}

function handlerOf(what) {
  if (typeof what === 'function') return what
  return what.html === undefined ? sirv(what, { dev: true, etag: true }) : page(what.html)
}

function page(html) {
  return (request, response, missing) => {
    if (new URL(request.url, 'http://localhost').pathname !== '/') return missing()
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html)
  }
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string', default: process.env.PORT ?? '8080' } },
  })
  try {
    const { url } = await serve({ '/': positionals[0] }, Number(values.port))
    console.log(`Glassformer is at ${url} (Ctrl+C ends it)`)
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error
    console.error(`Port ${values.port} is in use: name another with --port N.`)
    process.exit(1)
  }
}
