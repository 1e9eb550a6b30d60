/** A live call taken over: this browser's microphone to the contact, and the contact to this browser (WHIP both ways). */
import { changeHeaders } from '@/api/client'
import { problemOf } from '@/api/problem'
import { gathered } from '@/api/talk'

export interface TakeOver {
  /** Silences the microphone, or not. */
  mute(on: boolean): void
  /** Ends the session: the agent has the word again. */
  end(): Promise<void>
}

/** Connected, the contact hears the microphone. `onEnd`: the server or the network ended it. Throws `Problem`. */
export async function takeOver(callId: string, microphone: MediaStream, onEnd: () => void): Promise<TakeOver> {
  const peer = new RTCPeerConnection()
  const player = new Audio()
  player.autoplay = true
  peer.addTransceiver(microphone.getAudioTracks()[0]!, { direction: 'sendrecv', streams: [microphone] })
  const close = () => {
    peer.onconnectionstatechange = null
    for (const track of microphone.getTracks()) track.stop()
    peer.close()
    player.srcObject = null
  }
  peer.ontrack = ({ track }) => {
    player.srcObject = new MediaStream([track])
  }
  try {
    await peer.setLocalDescription()
    await gathered(peer)
    const response = await fetch(`/api/v1/calls/${callId}/take_over`, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { ...changeHeaders('POST'), 'Content-Type': 'application/sdp' },
      body: peer.localDescription!.sdp,
    })
    if (!response.ok) throw await problemOf(response)
    const session = response.headers.get('Location')
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() })
    await connected(peer)
    peer.onconnectionstatechange = () => {
      if (!OVER.includes(peer.connectionState)) return
      close()
      onEnd()
    }
    let ended = false
    return {
      mute: (on) => {
        for (const track of microphone.getAudioTracks()) track.enabled = !on
      },
      async end() {
        if (ended) return
        ended = true
        for (const track of microphone.getTracks()) track.stop()
        // First the server, then the connection: it would take a closed one for a browser that went.
        if (session !== null) await fetch(session, { method: 'DELETE', credentials: 'same-origin', headers: changeHeaders('DELETE'), keepalive: true }).catch(() => {})
        close()
      },
    }
  } catch (error) {
    close()
    throw error
  }
}

/** The browser could not reach the server's media port. */
export class NotConnected extends Error {}

const OVER: readonly RTCPeerConnectionState[] = ['failed', 'closed', 'disconnected']
/** Milliseconds that the server waits for a browser. */
const PATIENCE = 20_000

function connected(peer: RTCPeerConnection): Promise<void> {
  if (peer.connectionState === 'connected') return Promise.resolve()
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new NotConnected()), PATIENCE)
    peer.onconnectionstatechange = () => {
      if (peer.connectionState !== 'connected' && peer.connectionState !== 'failed') return
      clearTimeout(timer)
      if (peer.connectionState === 'connected') done()
      else fail(new NotConnected())
    }
  })
}
