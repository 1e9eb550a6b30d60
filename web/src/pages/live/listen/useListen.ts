/** Listens to a live call while it is wanted: its sound, its levels, and what is said. */
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { keepLive, type Line, type LiveCall } from '@/api/calls'
import type { Schema } from '@/api/client'
import { Connection, type ListenState } from './connection'
import { loudness } from './protocol'
import { Speaker } from './speaker'

export interface Ended {
  reason: Schema['DisconnectionReason']
  by: Schema['EndedBy']
}

export interface Listening {
  on: boolean
  state: ListenState | undefined
  lines: Line[]
  /** How loud both sides are just now, 0 to 1; read as often as it is drawn. */
  levels: React.RefObject<{ contact: number; agent: number }>
  /** Milliseconds that the sound lies behind its coming, in this browser. */
  latency(): number | undefined
  ended: Ended | undefined
  /** Frames that this browser was too slow for. */
  dropped: number
  start(): void
  stop(): void
}

/** `silent`: the words are wanted, and the sound comes another way. */
export function useListen(id: string, volume: number, silent: boolean): Listening {
  const client = useQueryClient()
  const [on, setOn] = useState(false)
  const [state, setState] = useState<ListenState>()
  const [lines, setLines] = useState<Line[]>([])
  const [ended, setEnded] = useState<Ended>()
  const [dropped, setDropped] = useState(0)
  const levels = useRef({ contact: 0, agent: 0 })
  const speaker = useRef<Speaker>(undefined)
  const loud = silent ? 0 : volume
  const wanted = useRef(loud)
  wanted.current = loud
  useEffect(() => speaker.current?.setVolume(loud), [loud])

  useEffect(() => {
    if (!on) return
    const hush = () => {
      speaker.current?.close()
      speaker.current = undefined
      levels.current = { contact: 0, agent: 0 }
    }
    let stepped = 0
    const connection = new Connection(id, {
      onState(next) {
        setState(next)
        if (next.now !== 'open') hush()
        if (next.now === 'over' || next.now === 'refused') setOn(false)
      },
      onFrame(frame) {
        levels.current = { contact: loudness(frame.contact), agent: loudness(frame.agent) }
        speaker.current?.play(frame)
      },
      onTold(told) {
        switch (told.type) {
          case 'start':
            hush()
            stepped = hands(told.call)
            speaker.current = new Speaker(told.rate, wanted.current)
            return keepLive(client, told.call)
          case 'state': {
            const now = hands(told.call)
            if (now !== stepped) speaker.current?.chime(now > stepped)
            stepped = now
            return keepLive(client, told.call)
          }
          case 'said':
          case 'heard':
            return setLines((all) => [...all, told])
          case 'dropped':
            return setDropped((all) => all + told.frames)
          case 'ended':
            return setEnded({ reason: told.reason, by: told.ended_by })
          case 'interrupted':
            // The line says so itself.
            return
        }
      },
    })
    return () => {
      connection.close()
      hush()
    }
  }, [client, id, on])

  const start = useCallback(() => setOn(true), [])
  const stop = useCallback(() => {
    setOn(false)
    setState(undefined)
  }, [])
  return { on, state, lines, levels, latency: () => speaker.current?.latency(), ended, dropped, start, stop }
}

/** How far people have stepped in: the agent talks, is muted, or a person has the call. */
function hands(call: LiveCall): number {
  return call.taken_over ? 2 : call.muted ? 1 : 0
}
