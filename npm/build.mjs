// Makes dist/: three self-contained modules (the page's, the worker's, chats'), their types, the engine, licences.

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

process.chdir(fileURLToPath(new URL('.', import.meta.url)))
rmSync('dist', { recursive: true, force: true })
mkdirSync('dist')

await build({
  entryPoints: ['src/index.ts', 'src/worker.ts', 'src/chat.ts'],
  outdir: 'dist',
  bundle: true,
  minify: true,
  sourcemap: true,
  format: 'esm',
  target: 'es2022',
  logLevel: 'warning',
  // wasm-bindgen lists a JavaScript file of the engine's once for each function that it imports.
  logOverride: { 'duplicate-object-key': 'silent' },
})
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc'], { stdio: 'inherit' })
copyFileSync('engine/glassformer_bg.wasm', 'dist/glassformer_bg.wasm')
copyFileSync('../LICENSE', 'dist/LICENSE')
copyFileSync('node_modules/@huggingface/tokenizers/LICENSE', 'dist/LICENSE-tokenizers')
copyFileSync('node_modules/@huggingface/jinja/LICENSE', 'dist/LICENSE-jinja')
copyFileSync('node_modules/@noble/hashes/LICENSE', 'dist/LICENSE-hashes')
