/**
 * The first view of every page must stay small: what a browser loads of scripts before it shows the page, gzipped.
 * Exit status 1 when one is over. `npm run budget` after a build.
 */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const LIMIT = 350_000

/** Pages that are over it, with what they may have: they must not grow, and leave this list when they fit. */
const OVER = {
  'assistants/voice/VoiceTab.tsx': 361_000,
  'assistants/prompt/PromptTab.tsx': 361_000,
  'campaigns/detail/contacts/ContactsTab.tsx': 355_000,
  'wizard/EditPage.tsx': 354_000,
  'wizard/NewPage.tsx': 354_000,
}

const dist = new URL('../dist/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'))
const sizes = new Map()
const size = (file) => {
  if (!sizes.has(file)) sizes.set(file, gzipSync(readFileSync(new URL(file, dist))).length)
  return sizes.get(file)
}

/** A chunk with everything that it imports by itself. */
function closure(key, into = new Set()) {
  if (into.has(key)) return into
  into.add(key)
  for (const next of manifest[key].imports ?? []) closure(next, into)
  return into
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry)
const pages = Object.keys(manifest).filter((key) => /src\/pages\/.*(Page|Tab)\.tsx$/.test(key))
if (entry === undefined || pages.length === 0) throw new Error('no entry or no page in the manifest')

/** A tab stands in its page: both are loaded. */
const around = (page) => pages.filter((other) => manifest[other].dynamicImports?.includes(page))

const rows = pages
  .map((page) => {
    const files = new Set([entry, page, ...around(page)].flatMap((key) => [...closure(key)]).map((key) => manifest[key].file).filter((file) => file.endsWith('.js')))
    return { page, bytes: [...files].reduce((sum, file) => sum + size(file), 0) }
  })
  .sort((a, b) => b.bytes - a.bytes)

for (const { page, bytes } of rows) console.log(`${(bytes / 1000).toFixed(0).padStart(5)} kB  ${page.replace('src/pages/', '')}`)
const over = rows.filter(({ page, bytes }) => bytes > (OVER[page.replace('src/pages/', '')] ?? LIMIT))
if (over.length > 0) {
  console.error(`${over.length} of ${rows.length} pages are over their limit: ${over.map(({ page }) => page).join(', ')}`)
  process.exit(1)
}
