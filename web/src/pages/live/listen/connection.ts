/** One listener's connection to a live call: asks for a token, opens the websocket, tries again when it breaks. */
import { changeHeaders } from '@/api/client'
import { asProblem, Problem, problemOf } from '@/api/problem'
import { frame, told, type Frame, type Told } from './protocol'

export interface Hearing {
  onFrame(frame: Frame): void
  onTold(told: Told): void
  onState(state: ListenState): void
}

export type ListenState = { now: 'connecting' | 'open' | 'lost' | 'over' } | { now: 'refused'; problem: Problem }

/** Milliseconds before each further try; after the last one it is given up. */
const PAUSES = [500, 1_000, 2_000, 4_000, 8_000]
/** Codes of the server: the call is over; the right to listen was taken away. */
const NORMAL = 1000
const POLICY = 1008

export class Connection {
  private socket: WebSocket | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private tries = 0
  private closed = false
  private header = 8

  constructor(private readonly id: string, private readonly hearing: Hearing) {
    void this.connect()
  }

  close(): void {
    this.closed = true
    clearTimeout(this.timer)
    this.socket?.close(NORMAL)
  }

  private async connect(): Promise<void> {
    this.hearing.onState({ now: this.tries === 0 ? 'connecting' : 'lost' })
    let token: string
    try {
      token = await ask(this.id)
    } catch (error) {
      if (this.closed) return
      const problem = asProblem(error)
      if (problem.code === 'call_over' || problem.status === 404) return this.hearing.onState({ now: 'over' })
      return problem.passing ? this.again(problem) : this.hearing.onState({ now: 'refused', problem })
    }
    if (this.closed) return
    const socket = new WebSocket(new URL(`/api/v1/calls/${this.id}/listen?token=${encodeURIComponent(token)}`, location.href.replace(/^http/, 'ws')))
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    socket.onmessage = ({ data }) => this.take(data as string | ArrayBuffer)
    socket.onclose = ({ code }) => {
      if (this.closed || this.socket !== socket) return
      if (code === NORMAL) this.hearing.onState({ now: 'over' })
      else if (code === POLICY) void ask(this.id).then(() => this.again(), (error: unknown) => this.hearing.onState({ now: 'refused', problem: asProblem(error) }))
      else this.again()
    }
  }

  private take(data: string | ArrayBuffer): void {
    if (typeof data !== 'string') {
      const sound = frame(data, this.header)
      if (sound !== undefined) this.hearing.onFrame(sound)
      return
    }
    const message = told(data)
    if (message === undefined) return
    if (message.type === 'start') {
      this.tries = 0
      this.header = message.header_bytes
      this.hearing.onState({ now: 'open' })
    }
    this.hearing.onTold(message)
  }

  private again(problem?: Problem): void {
    const pause = PAUSES[this.tries]
    this.tries += 1
    if (pause === undefined) return this.hearing.onState({ now: 'refused', problem: problem ?? new Problem({ status: 0, code: 'network' }) })
    this.hearing.onState({ now: 'lost' })
    this.timer = setTimeout(() => void this.connect(), pause)
  }
}

/** A token serves once, within 30 s. */
async function ask(id: string): Promise<string> {
  const response = await fetch(`/api/v1/calls/${id}/listen`, { method: 'POST', credentials: 'same-origin', headers: changeHeaders('POST') })
  if (!response.ok) throw await problemOf(response)
  return ((await response.json()) as { token: string }).token
}
