import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Connection, type ListenState } from './connection'

class Socket {
  static all: Socket[] = []
  binaryType = ''
  onmessage: (event: { data: unknown }) => void = () => {}
  onclose: (event: { code: number }) => void = () => {}
  closedWith: number | undefined
  constructor(readonly url: URL) {
    Socket.all.push(this)
  }
  close(code?: number) {
    this.closedWith = code
  }
}

const CALL = { id: 'a' }
const START = JSON.stringify({ type: 'start', rate: 8_000, channels: 2, encoding: 'pcm_s16le', header_bytes: 8, call: CALL })
let answers: { status: number; body: unknown }[]
let states: ListenState[]

function connect() {
  states = []
  const frames: number[] = []
  const connection = new Connection('a', { onState: (state) => states.push(state), onFrame: (frame) => frames.push(frame.position), onTold: () => {} })
  return { connection, frames }
}

beforeEach(() => {
  vi.useFakeTimers()
  Socket.all = []
  answers = []
  let tokens = 0
  vi.stubGlobal('location', { href: 'http://localhost/live' })
  vi.stubGlobal('WebSocket', Socket)
  vi.stubGlobal('fetch', () => {
    const answer = answers.shift() ?? { status: 201, body: { token: `token ${(tokens += 1)}` } }
    const response = { ok: answer.status < 400, status: answer.status, statusText: '', headers: new Headers(), json: () => Promise.resolve(answer.body), clone: () => response }
    return Promise.resolve(response)
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const soon = () => vi.advanceTimersByTimeAsync(0)

describe('a connection to a live call', () => {
  it('passes the token on, and frames as they come', async () => {
    const { frames } = connect()
    await soon()
    const [socket] = Socket.all
    expect(socket!.url.searchParams.get('token')).toBe('token 1')
    expect(socket!.url.protocol).toMatch(/^ws/)
    socket!.onmessage({ data: START })
    const bytes = new DataView(new ArrayBuffer(12))
    bytes.setBigUint64(0, 320n, true)
    socket!.onmessage({ data: bytes.buffer })
    expect(frames).toEqual([320])
    expect(states.map((state) => state.now)).toEqual(['connecting', 'open'])
  })

  it('comes again with a new token when it breaks', async () => {
    connect()
    await soon()
    Socket.all[0]!.onmessage({ data: START })
    Socket.all[0]!.onclose({ code: 1006 })
    await vi.advanceTimersByTimeAsync(600)
    expect(Socket.all).toHaveLength(2)
    expect(Socket.all[1]!.url.searchParams.get('token')).toBe('token 2')
    expect(states.at(-1)?.now).toBe('lost')
  })

  it('gives up after some tries', async () => {
    connect()
    for (let turn = 0; turn < 10; turn++) {
      await vi.advanceTimersByTimeAsync(9_000)
      Socket.all.at(-1)!.onclose({ code: 1006 })
    }
    expect(Socket.all.length).toBe(6)
    expect(states.at(-1)).toMatchObject({ now: 'refused', problem: { code: 'network' } })
  })

  it('is over with the call', async () => {
    connect()
    await soon()
    Socket.all[0]!.onclose({ code: 1000 })
    await vi.advanceTimersByTimeAsync(20_000)
    expect(states.at(-1)?.now).toBe('over')
    expect(Socket.all).toHaveLength(1)
  })

  it('says why it was refused', async () => {
    answers = [{ status: 403, body: { type: '', title: 'Missing scope', status: 403, code: 'forbidden', detail: '', errors: [] } }]
    connect()
    await soon()
    expect(states.at(-1)).toMatchObject({ now: 'refused', problem: { code: 'forbidden' } })
    expect(Socket.all).toHaveLength(0)
  })

  it('lets go when nobody wants it any more', async () => {
    const { connection } = connect()
    await soon()
    connection.close()
    expect(Socket.all[0]!.closedWith).toBe(1000)
    Socket.all[0]!.onclose({ code: 1006 })
    await vi.advanceTimersByTimeAsync(20_000)
    expect(Socket.all).toHaveLength(1)
  })
})
