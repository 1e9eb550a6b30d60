/** Plays the recording of a call. Nothing is fetched before somebody plays it: opening a recording is audited. */
import { useEffect, useRef, useState } from 'react'
import { route, type Channel, type Router } from './channels'

export interface Player {
  /** There is a recording. */
  has: boolean
  playing: boolean
  /** It could not be read or decoded. */
  failed: boolean
  /** Where it is, milliseconds from the answer of the call. */
  ms: number
  lengthMs: number
  rate: number
  channel: Channel
  toggle(): void
  /** Goes to a moment; `play` begins there as well. */
  seek(ms: number, play?: boolean): void
  setRate(rate: number): void
  setChannel(channel: Channel): void
}

/** Milliseconds between two looks at where it is. */
const TICK = 60

export function usePlayer(url: string | undefined, lengthMs: number, startMs: number, onSeek: (ms: number) => void): Player {
  const audio = useRef<HTMLAudioElement>(undefined)
  const router = useRef<Router>(undefined)
  const [playing, setPlaying] = useState(false)
  const [failed, setFailed] = useState(false)
  const [ms, setMs] = useState(startMs)
  const [rate, setRate] = useState(1)
  const [channel, setChannel] = useState<Channel>('both')

  useEffect(() => {
    setPlaying(false)
    setFailed(false)
    setMs(startMs)
    setChannel('both')
    setRate(1)
    if (url === undefined) return
    const element = new Audio()
    element.preload = 'none'
    element.src = url
    if (startMs > 0) element.currentTime = startMs / 1000
    element.onplay = () => setPlaying(true)
    element.onpause = () => setPlaying(false)
    element.onended = () => setPlaying(false)
    element.onerror = () => setFailed(true)
    audio.current = element
    return () => {
      element.pause()
      element.removeAttribute('src')
      element.load()
      router.current?.close()
      router.current = undefined
      audio.current = undefined
    }
    // A second that came with the address is where it begins; later it is only told.
  }, [url])

  useEffect(() => {
    if (!playing) return
    const timer = setInterval(() => audio.current && setMs(audio.current.currentTime * 1000), TICK)
    return () => clearInterval(timer)
  }, [playing])

  const play = () => {
    setFailed(false)
    // A refusal comes as an error of the element too, or because nothing was clicked yet.
    audio.current?.play().catch(() => setPlaying(false))
  }
  return {
    has: url !== undefined,
    playing,
    failed,
    ms,
    lengthMs,
    rate,
    channel,
    toggle() {
      const element = audio.current
      if (element === undefined) return
      if (!element.paused) return element.pause()
      if (ms >= lengthMs - 50) element.currentTime = 0
      play()
    },
    seek(next, begin = false) {
      const to = Math.min(lengthMs, Math.max(0, next))
      setMs(to)
      onSeek(to)
      if (audio.current === undefined) return
      audio.current.currentTime = to / 1000
      if (begin) play()
    },
    setRate(next) {
      setRate(next)
      if (audio.current) audio.current.playbackRate = audio.current.defaultPlaybackRate = next
    },
    setChannel(next) {
      setChannel(next)
      if (audio.current === undefined) return
      router.current ??= route(audio.current)
      router.current.set(next)
    },
  }
}
