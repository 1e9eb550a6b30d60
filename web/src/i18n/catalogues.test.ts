import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { languages } from '.'

const source = join(import.meta.dirname, '..')
const areas = readdirSync(join(import.meta.dirname, 'en')).map((file) => basename(file, '.json'))

type Catalogue = { [key: string]: string | Catalogue }

const read = (language: string, area: string): Catalogue => JSON.parse(readFileSync(join(import.meta.dirname, language, `${area}.json`), 'utf8'))

/** `a.b.c` of every text; the plural forms of one text are one key. */
function texts(catalogue: Catalogue, before = ''): Map<string, string> {
  const all = new Map<string, string>()
  for (const [key, value] of Object.entries(catalogue)) {
    const name = before + key
    if (typeof value === 'string') all.set(name, value)
    else for (const [inner, text] of texts(value, `${name}.`)) all.set(inner, text)
  }
  return all
}

const placeholders = (text: string) => [...text.matchAll(/{{\s*([\w.]+)/g)].map((match) => match[1]).sort()

describe.each(areas)('catalogue %s', (area) => {
  const [first, ...others] = languages.map((language) => texts(read(language, area)))

  it('has the same keys in every language', () => {
    for (const other of others) expect([...other.keys()].sort()).toEqual([...first!.keys()].sort())
  })

  it('fills in the same values in every language', () => {
    for (const other of others) for (const [key, text] of first!) expect([key, placeholders(other.get(key) ?? '')]).toEqual([key, placeholders(text)])
  })

  it('has no empty text', () => {
    for (const catalogue of [first!, ...others]) for (const [key, text] of catalogue) expect(text.trim(), key).not.toBe('')
  })
})

describe('texts that the sources ask for', () => {
  const known = new Map(areas.map((area) => [area, new Set([...texts(read('en', area)).keys()].map((key) => key.replace(/_(one|other)$/, '')))]))
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file) && !file.includes('.test.') && !file.includes('.gen.'))

  it.each(files)('%s', (file) => {
    const code = readFileSync(join(source, file), 'utf8')
    const own = code.match(/useTranslation\(\[?'(\w+)'/)?.[1] ?? 'common'
    for (const [, name] of code.matchAll(/\bt\('([\w.:-]+)'/g)) {
      const [area, key] = name!.includes(':') ? name!.split(':') : [own, name!]
      expect(known.get(area!)?.has(key!), `${name} in ${area}`).toBe(true)
    }
  })
})
