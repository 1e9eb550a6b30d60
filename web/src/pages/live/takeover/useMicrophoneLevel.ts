import { useCallback, useEffect, useRef } from 'react'
import { loudness } from '../listen/protocol'

/** How loud a microphone is just now, 0 to 1. */
export function useMicrophoneLevel(stream: MediaStream | undefined): () => number {
  const analyser = useRef<AnalyserNode>(undefined)
  const samples = useRef(new Float32Array(1024))
  useEffect(() => {
    if (stream === undefined) return
    const context = new AudioContext()
    const node = context.createAnalyser()
    node.fftSize = samples.current.length
    context.createMediaStreamSource(stream).connect(node)
    analyser.current = node
    return () => {
      analyser.current = undefined
      void context.close()
    }
  }, [stream])
  return useCallback(() => {
    if (analyser.current === undefined) return 0
    analyser.current.getFloatTimeDomainData(samples.current)
    return loudness(samples.current)
  }, [])
}
