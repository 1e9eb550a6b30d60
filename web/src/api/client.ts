/** The one way to the server: typed by its own OpenAPI document, faults as `Problem`. */
import createClient, { type Middleware } from 'openapi-fetch'
import { asProblem, problemOf } from './problem'
import type { components, paths } from './schema.gen'

export type Schema = components['schemas']

let csrf: string | undefined
let onSignedOut = () => {}

/** The session's token; every request that changes something carries it. */
export function setCsrf(token: string | undefined): void {
  csrf = token
}

/** Called when the server no longer knows the session. */
export function whenSignedOut(then: () => void): void {
  onSignedOut = then
}

const guard: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(changeHeaders(request.method))) {
      if (!request.headers.has(name)) request.headers.set(name, value)
    }
  },
  async onResponse({ response }) {
    if (response.ok) return
    const problem = await problemOf(response)
    if (problem.status === 401) onSignedOut()
    throw problem
  },
  onError({ error }) {
    return asProblem(error)
  },
}

export const api = createClient<paths>({
  baseUrl: globalThis.location?.origin ?? '',
  credentials: 'same-origin',
  fetch: (request) => globalThis.fetch(request),
  // The server takes `state=a,b`, not `state=a&state=b`.
  querySerializer: { array: { style: 'form', explode: false } },
})
api.use(guard)

/** The body of an answer that has one: `await read(api.GET('/api/v1/campaigns'))`. Throws `Problem`. */
export async function read<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer
  return data as T
}

/** For the few routes that are not in the OpenAPI document. Throws `Problem`; a 204 gives `undefined`. */
export async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = changeHeaders(method)
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  let response: Response
  try {
    response = await fetch(path, { method, headers, credentials: 'same-origin', body: body === undefined ? null : JSON.stringify(body) })
  } catch (error) {
    throw asProblem(error)
  }
  if (!response.ok) throw await problemOf(response)
  return (response.status === 204 ? undefined : await response.json()) as T
}

/** Headers of a change: the session's token, and a key under which the server does it once however often it is sent. */
export function changeHeaders(method: string): Record<string, string> {
  if (method === 'GET' || method === 'HEAD') return {}
  const headers: Record<string, string> = method === 'POST' ? { 'Idempotency-Key': key() } : {}
  if (csrf !== undefined) headers['X-CSRF-Token'] = csrf
  return headers
}

/** `crypto.randomUUID` is missing where the page is served without TLS. */
function key(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
