/** What can be done to a contact in its state. The server says the same, contact by contact; here buttons say it before. */
import type { Schema } from '@/api/client'

export type TargetAct = Exclude<Schema['BulkAct'], 'priority'>

const STATES: Record<TargetAct, Schema['TargetState'][]> = {
  approve: ['new', 'rejected'],
  reject: ['new', 'waiting', 'ready'],
  suspend: ['waiting', 'ready', 'callback', 'in_progress'],
  resume: ['suspended'],
  restart: ['done', 'failed', 'blocked'],
  remove: ['new', 'rejected', 'waiting', 'ready', 'in_progress', 'callback', 'done', 'failed', 'suspended', 'blocked', 'expired'],
  call: ['waiting', 'ready', 'callback', 'suspended', 'done', 'failed'],
}

export function may(act: TargetAct, target: Pick<Schema['TargetView'], 'state' | 'hold'>): boolean {
  // A live contact whose hold is to be taken back is resumed.
  if (act === 'resume' && target.hold) return true
  return STATES[act].includes(target.state)
}

/** A callback can be arranged for whoever is still to be called. */
export function mayCallBack(state: Schema['TargetState']): boolean {
  return state === 'waiting' || state === 'ready' || state === 'callback'
}
