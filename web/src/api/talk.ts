/** A call between this browser and an assistant: WebRTC as the server's WHIP route wants it. */
import { changeHeaders } from './client'
import { problemOf } from './problem'

export interface Talk {
  /** Id of the call; it keeps it when it is over. */
  callId: string | undefined
  /** How loud the assistant is now, 0 to 1. */
  level(): number
  /** How loud the microphone is now, 0 to 1. */
  heard(): number
  /** Presses a key of the telephone: `0` to `9`, `*`, `#`. */
  press(key: string): void
  hangUp(): Promise<void>
}

/** Why there is no call before the server was asked. */
export class MicrophoneRefused extends Error {}
export class NoMicrophone extends Error {}

/** Rings through. `onEnd` is told when the other side or the network ends it. Throws `Problem` or one of the two above. */
export async function talkTo(assistantId: string, onEnd: () => void): Promise<Talk> {
  const microphone = await openMicrophone()
  const peer = new RTCPeerConnection()
  const player = new Audio()
  player.autoplay = true
  const meter = meterOf(microphone)
  peer.addTransceiver(microphone.getAudioTracks()[0]!, { direction: 'sendrecv', streams: [microphone] })
  const close = () => {
    for (const track of microphone.getTracks()) track.stop()
    peer.close()
    meter.close()
    player.srcObject = null
  }
  peer.ontrack = (event) => {
    player.srcObject = new MediaStream([event.track])
  }
  peer.onconnectionstatechange = () => {
    if (peer.connectionState === 'failed' || peer.connectionState === 'closed' || peer.connectionState === 'disconnected') {
      close()
      onEnd()
    }
  }
  try {
    await peer.setLocalDescription()
    await gathered(peer)
    const response = await fetch(`/api/v1/assistants/${assistantId}/talk`, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { ...changeHeaders('POST'), 'Content-Type': 'application/sdp' },
      body: peer.localDescription!.sdp,
    })
    if (!response.ok) throw await problemOf(response)
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() })
    const session = response.headers.get('Location')
    return {
      callId: response.headers.get('Callwright-Call') ?? undefined,
      level: () => peer.getReceivers()[0]?.getSynchronizationSources()[0]?.audioLevel ?? 0,
      heard: meter.level,
      press: (key) => peer.getSenders()[0]?.dtmf?.insertDTMF(key, 160, 60),
      async hangUp() {
        peer.onconnectionstatechange = null
        close()
        if (session !== null) await fetch(session, { method: 'DELETE', credentials: 'same-origin', headers: changeHeaders('DELETE') })
      },
    }
  } catch (error) {
    close()
    throw error
  }
}

export async function openMicrophone(): Promise<MediaStream> {
  // Without TLS browsers give no microphone, except on this very machine.
  if (navigator.mediaDevices === undefined) throw new NoMicrophone()
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } })
  } catch (error) {
    throw (error as DOMException).name === 'NotAllowedError' ? new MicrophoneRefused() : new NoMicrophone()
  }
}

/** The loudness of a microphone, as the browser hears it before it is sent. */
function meterOf(microphone: MediaStream): { level(): number; close(): void } {
  const context = new AudioContext()
  const analyser = context.createAnalyser()
  analyser.fftSize = 512
  context.createMediaStreamSource(microphone).connect(analyser)
  const samples = new Float32Array(analyser.fftSize)
  return {
    level() {
      analyser.getFloatTimeDomainData(samples)
      return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length)
    },
    close: () => void context.close(),
  }
}

/** All of the browser's own candidates stand in the offer; two seconds are enough for them. */
export function gathered(peer: RTCPeerConnection): Promise<void> {
  if (peer.iceGatheringState === 'complete') return Promise.resolve()
  return new Promise((done) => {
    const timer = setTimeout(done, 2_000)
    peer.onicegatheringstatechange = () => {
      if (peer.iceGatheringState !== 'complete') return
      clearTimeout(timer)
      done()
    }
  })
}
