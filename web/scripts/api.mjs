/**
 * Writes the types of the API from the server's OpenAPI document (`npm run api`). A schema that the document names and
 * does not have is taken as text and told: the document is then to be mended, and the console builds all the same.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'

const from = new URL('../../docs/openapi.json', import.meta.url)
const to = new URL('../src/api/schema.gen.ts', import.meta.url)

const text = readFileSync(from, 'utf8')
const document = JSON.parse(text)
const { schemas } = document.components
for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
  if (name in schemas) continue
  console.warn(`docs/openapi.json names the schema ${name} and does not have it`)
  schemas[name] = { type: 'string' }
}
// The same names stand for operations of several resources; the console calls them by path.
for (const methods of Object.values(document.paths)) for (const operation of Object.values(methods)) delete operation.operationId
// A member with a default may be left out of a request: it is optional, whatever the default.
writeFileSync(to, astToString(await openapiTS(document, { defaultNonNullable: false })))
