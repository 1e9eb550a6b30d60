import { afterEach, describe, expect, it, vi } from 'vitest'
import { api, read, send, setCsrf, whenSignedOut } from './client'
import { Problem } from './problem'

/** Answers every request the same, and keeps the requests. */
function answer(status: number, body: unknown, headers: Record<string, string> = {}): Request[] {
  const asked: Request[] = []
  vi.stubGlobal('fetch', (input: Request | string, init?: RequestInit) => {
    asked.push(typeof input === 'string' ? new Request(new URL(input, 'http://here'), init) : input)
    return Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status, headers }))
  })
  return asked
}

afterEach(() => {
  vi.unstubAllGlobals()
  setCsrf(undefined)
  whenSignedOut(() => {})
})

const options = { baseUrl: 'http://here' }

describe('requests', () => {
  it('carry the session token and a key of their own when they change something', async () => {
    setCsrf('secret')
    const asked = answer(200, {})
    const body = { calls_per_minute: 1, max_concurrent_calls: 1 }
    await api.PUT('/api/v1/organisation/limits', { ...options, body })
    await api.POST('/api/v1/campaigns/{id}/pause', { ...options, params: { path: { id: 'a' } } })
    await api.POST('/api/v1/campaigns/{id}/pause', { ...options, params: { path: { id: 'a' } } })
    await api.GET('/api/v1/organisation/limits', options)
    expect(asked.map((request) => request.headers.get('x-csrf-token'))).toEqual(['secret', 'secret', 'secret', null])
    const keys = asked.map((request) => request.headers.get('idempotency-key'))
    expect(keys[0]).toBeNull()
    expect(keys[1]).toMatch(/^[0-9a-f]{32}$/)
    expect(keys[2]).not.toBe(keys[1])
  })

  it('write alternatives with commas', async () => {
    const asked = answer(200, { items: [] })
    await api.GET('/api/v1/campaigns', { ...options, params: { query: { state: ['draft', 'paused'], limit: 20 } } })
    expect(new URL(asked[0]!.url).search).toBe('?state=draft,paused&limit=20')
  })
})

describe('refusals', () => {
  const refusal = { type: 'about:blank', title: 'Not now', status: 409, code: 'start_guards', detail: 'two things', errors: [{ pointer: '/name', code: 'name_missing', reason: 'has no name' }] }

  it('are problems with all that the server said', async () => {
    answer(409, refusal, { 'x-request-id': 'r1', 'retry-after': '7' })
    const problem = await read(api.POST('/api/v1/campaigns/{id}/start', { ...options, params: { path: { id: 'a' } } })).catch((error: unknown) => error)
    expect(problem).toBeInstanceOf(Problem)
    expect(problem).toMatchObject({ status: 409, code: 'start_guards', detail: 'two things', requestId: 'r1', retryAfter: 7, errors: refusal.errors, passing: false })
  })

  it('end the session when it is not known any more', async () => {
    const out = vi.fn()
    whenSignedOut(out)
    answer(401, { ...refusal, status: 401, code: 'unauthorized' })
    await expect(read(api.GET('/api/v1/organisation/limits', options))).rejects.toMatchObject({ status: 401 })
    expect(out).toHaveBeenCalledOnce()
  })

  it('are told from a server that does not answer', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    await expect(send('GET', '/api/v1/session')).rejects.toMatchObject({ status: 0, code: 'network', passing: true })
  })

  it('without a document still have their status', async () => {
    answer(502, undefined)
    await expect(send('GET', '/api/v1/session')).rejects.toMatchObject({ status: 502, code: 'http_502', passing: true })
  })
})
