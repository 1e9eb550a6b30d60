// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LiveClient, type Listener } from './client'
import { question, type Event, type Topic } from './topics'

class Socket {
  static all: Socket[] = []
  onopen: (() => void) | null = null
  onmessage: ((message: { data: string }) => void) | null = null
  onclose: (() => void) | null = null
  closed = false
  readonly query: URLSearchParams

  constructor(path: string) {
    this.query = new URLSearchParams(path.split('?')[1])
    Socket.all.push(this)
  }

  close() {
    this.closed = true
  }

  tell(event: object) {
    this.onmessage?.({ data: JSON.stringify(event) })
  }
}

const last = () => Socket.all.at(-1)!

/** Keeps what it is told. */
class Ear implements Listener {
  events: Event[][] = []
  gaps = 0

  constructor(readonly topic: Topic) {}

  onEvents(events: Event[]) {
    this.events.push(events)
  }

  onGap() {
    this.gaps += 1
  }
}

const hear = (topic: Topic) => new Ear(topic)

let hidden = false
function hide(now: boolean) {
  hidden = now
  document.dispatchEvent(new window.Event('visibilitychange'))
}

beforeEach(() => {
  vi.useFakeTimers()
  Socket.all = []
  hidden = false
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden })
})
afterEach(() => {
  for (const stop of open) stop()
  open = []
  vi.useRealTimers()
})

let open: (() => void)[] = []

/** A client that nobody listens to any more when the test is over. */
function make(): LiveClient {
  const client = new LiveClient((path) => new Socket(path) as unknown as WebSocket)
  const listen = client.listen.bind(client)
  client.listen = (listener) => {
    const stop = listen(listener)
    open.push(stop)
    return stop
  }
  return client
}

describe('the one question for all topics', () => {
  it('asks for all kinds, and for one campaign only when all mean it', () => {
    expect(question([])).toBeNull()
    expect(question([{ kinds: ['target.state'], campaignId: 'a' }, { kinds: ['attempt.state'], campaignId: 'a' }])).toEqual({ kinds: ['attempt.state', 'target.state'], campaignId: 'a' })
    expect(question([{ kinds: ['target.state'], campaignId: 'a' }, { kinds: ['target.state'] }])).toEqual({ kinds: ['target.state'], campaignId: undefined })
  })
})

describe('the client', () => {
  it('opens one socket from now on, and closes it when nobody listens', () => {
    const client = make()
    const stop = client.listen(hear({ kinds: ['target.state'], campaignId: 'a' }))
    expect(Socket.all).toHaveLength(1)
    expect(Object.fromEntries(last().query)).toEqual({ kind: 'target.state', campaign_id: 'a', after: 'latest' })
    last().onopen?.()
    expect(client.current()).toBe('live')
    stop()
    expect(last().closed).toBe(true)
    expect(client.current()).toBe('idle')
  })

  it('delivers at most four times a second, to whom it concerns', () => {
    const client = make()
    const states = hear({ kinds: ['target.state'] })
    const calls = hear({ kinds: ['attempt.state'] })
    client.listen(states)
    client.listen(calls)
    last().onopen?.()
    for (let at = 0; at < 10; at += 1) {
      last().tell({ cursor: `c${at}`, kind: 'target.state', at: '', target_id: `t${at}` })
      vi.advanceTimersByTime(50)
    }
    vi.advanceTimersByTime(250)
    expect(states.events.length).toBeLessThanOrEqual(3)
    expect(states.events.flat()).toHaveLength(10)
    expect(calls.events).toHaveLength(0)
  })

  it('goes on from the last cursor after a break, a little later each time', async () => {
    const client = make()
    client.listen(hear({ kinds: ['target.state'] }))
    last().onopen?.()
    last().tell({ cursor: 'seen' })
    last().onclose?.()
    expect(client.current()).toBe('lost')
    expect(Socket.all).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1_500)
    expect(Socket.all).toHaveLength(2)
    expect(last().query.get('after')).toBe('seen')
    last().onopen?.()
    expect(client.current()).toBe('live')
  })

  it('takes silence for a dead connection', async () => {
    const client = make()
    client.listen(hear({ kinds: ['target.state'] }))
    last().onopen?.()
    await vi.advanceTimersByTimeAsync(39_000)
    expect(client.current()).toBe('live')
    await vi.advanceTimersByTimeAsync(3_500)
    expect(Socket.all).toHaveLength(2)
  })

  it('is closed while the page is hidden, and misses nothing', () => {
    const client = make()
    client.listen(hear({ kinds: ['target.state'] }))
    last().onopen?.()
    last().tell({ cursor: 'before' })
    hide(true)
    expect(last().closed).toBe(true)
    hide(false)
    expect(Socket.all).toHaveLength(2)
    expect(last().query.get('after')).toBe('before')
  })

  it('reads anew when the server has forgotten its cursor', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify({ type: '', title: '', status: 409, code: 'events_forgotten', detail: '' }), { status: 409 })))
    const client = make()
    const listener = hear({ kinds: ['target.state'] })
    client.listen(listener)
    last().onopen?.()
    last().tell({ cursor: 'old' })
    last().onclose?.()
    await vi.advanceTimersByTimeAsync(1_500)
    last().onclose?.()
    await vi.advanceTimersByTimeAsync(4_000)
    vi.unstubAllGlobals()
    expect(listener.gaps).toBe(1)
    expect(last().query.get('after')).toBe('latest')
  })
})
