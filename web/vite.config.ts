import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

/** `npm run dev` serves the console on its own port and hands `/api` on to a running server. */
const server = process.env.CALLWRIGHT_URL ?? 'http://127.0.0.1:8480'

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: { port: 5173, proxy: { '/api': { target: server, ws: true }, '/openapi.json': server, '/health': server } },
  build: { target: 'es2023', manifest: true, chunkSizeWarningLimit: 900 },
  // Most tests need no page; those that do say `@vitest-environment jsdom` in their first line.
  test: { environment: 'node', testTimeout: 60_000, setupFiles: ['./vitest.setup.ts'], include: ['src/**/*.test.{ts,tsx}'] },
})
