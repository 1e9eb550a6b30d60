/** What comes over the websocket of a live call: frames of sound, and messages about the call. */
import type { Line, LiveCall } from '@/api/calls'
import type { Schema } from '@/api/client'

export type Told =
  | { type: 'start'; rate: number; channels: number; encoding: string; header_bytes: number; call: LiveCall }
  | ({ type: 'said' | 'heard' } & Line)
  | { type: 'interrupted'; at_ms: number }
  | { type: 'state'; call: LiveCall }
  | { type: 'dropped'; frames: number }
  | { type: 'ended'; reason: Schema['DisconnectionReason']; ended_by: Schema['EndedBy'] }

const TYPES: readonly string[] = ['start', 'said', 'heard', 'interrupted', 'state', 'dropped', 'ended']

/** `undefined`: a kind of message that this console does not know, which is no fault. */
export function told(text: string): Told | undefined {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof message !== 'object' || message === null || !('type' in message) || !TYPES.includes(String(message.type))) return undefined
  return message as Told
}

export interface Frame {
  /** Of the first sample, in samples since the answer. */
  position: number
  /** -1 to 1. */
  contact: Float32Array<ArrayBuffer>
  agent: Float32Array<ArrayBuffer>
}

/** Bytes of a pair of samples. */
const PAIR = 4

/** A position of 64 bits, then pairs of 16-bit samples, all little-endian. `undefined`: it is not whole. */
export function frame(bytes: ArrayBuffer, header = 8): Frame | undefined {
  if (header < 8 || bytes.byteLength < header + PAIR || (bytes.byteLength - header) % PAIR !== 0) return undefined
  const view = new DataView(bytes)
  const count = (bytes.byteLength - header) / PAIR
  const contact = new Float32Array(count)
  const agent = new Float32Array(count)
  for (let at = 0; at < count; at++) {
    contact[at] = view.getInt16(header + at * PAIR, true) / 32_768
    agent[at] = view.getInt16(header + at * PAIR + 2, true) / 32_768
  }
  return { position: Number(view.getBigUint64(0, true)), contact, agent }
}

/** How loud samples are, 0 to 1 on a scale of 50 dB as ears have it. */
export function loudness(samples: Float32Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  const decibels = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-9)
  return Math.min(1, Math.max(0, (decibels + 55) / 50))
}
