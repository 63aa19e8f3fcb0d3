// Builds the page into dist/ with relative addresses: any static server hosts it in any folder.
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

export default defineConfig({
  base: './',
  plugins: [svelte()],
  // The package brings its worker and its wasm as files beside it: neither may be bundled early.
  optimizeDeps: { exclude: ['glassformer'] },
  worker: { format: 'es' },
  build: { target: 'es2022', assetsInlineLimit: 0 },
})
