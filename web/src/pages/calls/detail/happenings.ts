/** What happened in a call, in order, out of all that its record holds. Milliseconds count from the answer. */
import type { CallDetail } from '@/api/calls'

export type Happening =
  | { kind: 'started' | 'answered' | 'disclosed_ai' | 'disclosed_recording' | 'refused_recording'; ms: number }
  | { kind: 'answer'; ms: number; name: string; status: CallDetail['answers'][number]['status'] }
  | { kind: 'cut'; ms: number }
  | { kind: 'keys'; ms: number; keys: string }
  | { kind: 'transfer'; ms: number; to: string; way: string }
  | { kind: 'recording_fault'; ms: number; fault: string }
  | { kind: 'ended'; ms: number; reason: CallDetail['reason']; by: CallDetail['ended_by'] }

export function happenings(call: CallDetail): Happening[] {
  const origin = Date.parse(call.answered_at ?? call.started_at)
  const since = (at: string) => Date.parse(at) - origin
  const all: Happening[] = [{ kind: 'started', ms: since(call.started_at) }]
  if (call.answered_at) all.push({ kind: 'answered', ms: 0 })
  if (call.disclosed.ai_ms != null) all.push({ kind: 'disclosed_ai', ms: call.disclosed.ai_ms })
  if (call.disclosed.recording_ms != null) all.push({ kind: 'disclosed_recording', ms: call.disclosed.recording_ms })
  if (call.disclosed.refused_ms != null) all.push({ kind: 'refused_recording', ms: call.disclosed.refused_ms })
  for (const answer of call.answers) all.push({ kind: 'answer', ms: answer.at_ms, name: answer.name, status: answer.status })
  for (const line of call.transcript) {
    if (line.cut) all.push({ kind: 'cut', ms: line.to_ms })
    if (line.keys) all.push({ kind: 'keys', ms: line.from_ms, keys: line.text })
  }
  if (call.transfer) all.push({ kind: 'transfer', ms: since(call.transfer.at), to: call.transfer.to, way: call.transfer.way })
  // A fault has no moment of its own: it is told with the end, before it.
  const end = since(call.ended_at)
  if (call.recording_fault) all.push({ kind: 'recording_fault', ms: end, fault: call.recording_fault })
  all.push({ kind: 'ended', ms: end, reason: call.reason, by: call.ended_by })
  return all.map((one, index) => ({ one, index })).sort((a, b) => a.one.ms - b.one.ms || a.index - b.index).map(({ one }) => one)
}
