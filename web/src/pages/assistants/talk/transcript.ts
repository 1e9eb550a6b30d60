/** What is said in a call that goes on, by the websocket that listeners have. Its audio is not used: the call itself is heard. */
import { useEffect, useState } from 'react'
import { api, read, type Schema } from '@/api/client'

export interface Said {
  speaker: 'agent' | 'caller'
  text: string
  from_ms: number
  keys: boolean
  cut: boolean
}

type Told =
  | ({ type: 'said' | 'heard' } & Schema['Line'])
  | { type: 'ended'; reason: Schema['DisconnectionReason'] }
  | { type: 'start' | 'state' | 'interrupted' | 'dropped' | 'done' | 'fault' }

/** The lines so far, in the order in which they began. `lost` once the connection broke. */
export function useTranscript(callId: string | undefined, on: boolean): { lines: Said[]; lost: boolean } {
  const [lines, setLines] = useState<Said[]>([])
  const [lost, setLost] = useState(false)
  useEffect(() => {
    if (callId === undefined || !on) return
    setLines([])
    setLost(false)
    let over = false
    let socket: WebSocket | undefined
    void (async () => {
      const { token } = await read(api.POST('/api/v1/calls/{id}/listen', { params: { path: { id: callId } } }))
      if (over) return
      socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/v1/calls/${callId}/listen?token=${encodeURIComponent(token)}`)
      socket.binaryType = 'arraybuffer'
      socket.onmessage = ({ data }: MessageEvent<unknown>) => {
        if (typeof data !== 'string') return
        const told = JSON.parse(data) as Told
        if (told.type === 'said' || told.type === 'heard') setLines((old) => withLine(old, told))
      }
      socket.onclose = ({ code }) => !over && code !== 1000 && setLost(true)
    })().catch(() => setLost(true))
    return () => {
      over = true
      socket?.close()
    }
  }, [callId, on])
  return { lines, lost }
}

/** A line in its place: the two sides are told when they are final, which is not the order in which they began. */
export function withLine(lines: readonly Said[], line: Schema['Line']): Said[] {
  const said: Said = { speaker: line.speaker, text: line.text, from_ms: line.from_ms, keys: line.keys ?? false, cut: line.cut ?? false }
  const at = lines.findLastIndex((other) => other.from_ms <= said.from_ms) + 1
  return [...lines.slice(0, at), said, ...lines.slice(at)]
}
