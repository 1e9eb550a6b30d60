/**
 * Plays frames of a live call as they come, the contact left and the agent right. Scheduled buffers, not a worklet:
 * browsers have worklets on pages over HTTPS only. The context runs at the call's own rate, so that frames join
 * sample by sample, and the browser converts the whole stream once.
 */
import type { Frame } from './protocol'
import { Schedule } from './schedule'

export class Speaker {
  private readonly context: AudioContext
  private readonly volume: GainNode
  private readonly schedule: Schedule

  /** Is made after a click: browsers play nothing before one. */
  constructor(private readonly rate: number, volume: number) {
    this.context = new AudioContext({ sampleRate: rate, latencyHint: 'interactive' })
    this.volume = new GainNode(this.context, { gain: volume })
    this.volume.connect(this.context.destination)
    this.schedule = new Schedule(rate)
    void this.context.resume()
  }

  play({ position, contact, agent }: Frame): void {
    if (this.context.state !== 'running') return
    const placed = this.schedule.place(this.context.currentTime, position, contact.length)
    if (!('play' in placed)) return
    const buffer = this.context.createBuffer(2, contact.length, this.rate)
    buffer.copyToChannel(contact, 0)
    buffer.copyToChannel(agent, 1)
    const source = new AudioBufferSourceNode(this.context, { buffer })
    source.connect(this.volume)
    source.start(placed.play)
  }

  /** Two short tones, up or down: somebody stepped in, or back. */
  chime(up: boolean): void {
    const now = this.context.currentTime
    for (const [index, pitch] of (up ? [520, 780] : [780, 520]).entries()) {
      const from = now + index * 0.12
      const gain = new GainNode(this.context, { gain: 0 })
      gain.gain.setTargetAtTime(0.12, from, 0.01)
      gain.gain.setTargetAtTime(0, from + 0.09, 0.015)
      const tone = new OscillatorNode(this.context, { frequency: pitch })
      tone.connect(gain).connect(this.volume)
      tone.start(from)
      tone.stop(from + 0.2)
    }
  }

  setVolume(volume: number): void {
    this.volume.gain.setTargetAtTime(volume, this.context.currentTime, 0.015)
  }

  /** Milliseconds from a frame's coming to its leaving the loudspeaker. */
  latency(): number {
    const { baseLatency = 0, outputLatency = 0 } = this.context
    return Math.round((this.schedule.ahead(this.context.currentTime) + baseLatency + outputLatency) * 1000)
  }

  close(): void {
    void this.context.close()
  }
}
