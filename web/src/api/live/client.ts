/**
 * The websocket of events: one for the whole console, open while a visible page asks for something. It goes on from
 * the last cursor it has dealt with, so that a lost connection loses no event; only when the server has forgotten
 * that cursor there is a gap, and the pages read anew.
 */
import { api } from '../client'
import { asProblem } from '../problem'
import { question, wanted, type Event, type Topic } from './topics'

/** `idle`: nobody asks, or the page is hidden. `lost`: the connection broke, and the console tries again. */
export type LiveState = 'idle' | 'connecting' | 'live' | 'lost'

export interface Listener {
  topic: Topic
  /** At most four times a second, with everything that happened since. */
  onEvents(events: Event[]): void
  /** Events may have been missed: read anew. */
  onGap(): void
}

/** Milliseconds between two deliveries: four renders a second. */
const DELIVERY = 250
/** The server tells its cursor after 15 s of silence; without a word for this long the connection is dead. */
const SILENCE = 40_000
const FIRST_PAUSE = 1_000
const LONGEST_PAUSE = 30_000
/** Events that are kept for one delivery; beyond them reading anew is cheaper. */
const MOST_EVENTS = 2_000

export class LiveClient {
  private readonly listeners = new Set<Listener>()
  private readonly watchers = new Set<() => void>()
  private socket: WebSocket | undefined
  private asked = ''
  private cursor: string | undefined
  private waiting: Event[] = []
  private gap = false
  private state: LiveState = 'idle'
  private failures = 0
  private deliverTimer: ReturnType<typeof setTimeout> | undefined
  private silenceTimer: ReturnType<typeof setTimeout> | undefined
  private retryTimer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly open: (path: string) => WebSocket = openSocket) {
    document.addEventListener('visibilitychange', this.settle)
  }

  /** Listens until the answer is called. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener)
    this.settle()
    return () => {
      this.listeners.delete(listener)
      this.settle()
    }
  }

  readonly current = (): LiveState => this.state

  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  /** Opens, closes or leaves the socket as the listeners and the page's visibility want it. */
  private readonly settle = (): void => {
    const wish = document.hidden ? null : question([...this.listeners].map((listener) => listener.topic))
    if (wish === null) return this.rest()
    const query = new URLSearchParams({ kind: wish.kinds.join(',') })
    if (wish.campaignId !== undefined) query.set('campaign_id', wish.campaignId)
    const asked = query.toString()
    if (asked === this.asked && (this.socket !== undefined || this.retryTimer !== undefined)) return
    this.asked = asked
    this.connect()
  }

  private rest(): void {
    this.drop()
    this.asked = ''
    // Without listeners nothing is missed: whoever listens next reads first.
    if (this.listeners.size === 0) this.cursor = undefined
    this.enter('idle')
  }

  private connect(): void {
    this.drop()
    this.enter(this.failures === 0 ? 'connecting' : 'lost')
    const query = new URLSearchParams(this.asked)
    query.set('after', this.cursor ?? 'latest')
    const socket = this.open(`/api/v1/events/stream?${query}`)
    this.socket = socket
    let opened = false
    socket.onopen = () => {
      opened = true
      this.failures = 0
      this.enter('live')
      this.hear()
    }
    socket.onmessage = (message) => this.take(JSON.parse(String(message.data)) as Partial<Event> & { cursor: string })
    socket.onclose = () => {
      if (this.socket !== socket) return
      this.socket = undefined
      void this.lost(opened)
    }
    this.hear()
  }

  private take(event: Partial<Event> & { cursor: string }): void {
    this.hear()
    this.cursor = event.cursor
    if (event.kind === undefined) return
    if (this.waiting.length >= MOST_EVENTS) this.gap = true
    else this.waiting.push(event as Event)
    this.deliverTimer ??= setTimeout(this.deliver, DELIVERY)
  }

  private readonly deliver = (): void => {
    this.deliverTimer = undefined
    const events = this.waiting
    const gap = this.gap
    this.waiting = []
    this.gap = false
    for (const listener of [...this.listeners]) {
      if (gap) listener.onGap()
      const own = events.filter((event) => wanted(listener.topic, event))
      if (own.length > 0) listener.onEvents(own)
    }
  }

  private async lost(opened: boolean): Promise<void> {
    this.failures += 1
    this.enter('lost')
    if (!opened && this.cursor !== undefined && (await forgotten(this.cursor))) {
      this.cursor = undefined
      this.gap = true
      this.deliver()
    }
    if (this.asked === '' || this.socket !== undefined) return
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.failures - 1)) * (0.75 + Math.random() / 2)
    this.retryTimer = setTimeout(() => {
      this.retryTimer = undefined
      this.connect()
    }, pause)
  }

  private hear(): void {
    clearTimeout(this.silenceTimer)
    this.silenceTimer = setTimeout(() => {
      const socket = this.socket
      this.socket = undefined
      socket?.close()
      void this.lost(true)
    }, SILENCE)
  }

  private drop(): void {
    clearTimeout(this.silenceTimer)
    clearTimeout(this.retryTimer)
    this.retryTimer = undefined
    const socket = this.socket
    this.socket = undefined
    socket?.close()
  }

  private enter(state: LiveState): void {
    if (this.state === state) return
    this.state = state
    for (const watcher of [...this.watchers]) watcher()
  }
}

/** A refused handshake does not say why; the same question as a plain request does. */
async function forgotten(cursor: string): Promise<boolean> {
  try {
    await api.GET('/api/v1/events', { params: { query: { after: cursor, limit: 1 } } })
    return false
  } catch (error) {
    return asProblem(error).code === 'events_forgotten'
  }
}

function openSocket(path: string): WebSocket {
  return new WebSocket(new URL(path, location.href.replace(/^http/, 'ws')))
}
