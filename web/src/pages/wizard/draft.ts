/** What a campaign is while it is being written, and what is still missing in each step. */
import type { Campaign } from '@/api/campaigns'
import type { Schema } from '@/api/client'
import { inputOf } from '../campaigns/detail/settings/save'
import { runFaults, runsOf } from './schedule/runs'
import { instantOf } from './wall'

export const STEPS = ['details', 'who', 'assistant', 'when', 'dialing', 'review'] as const
export type Step = (typeof STEPS)[number]

export type Input = Schema['CampaignInput']
/** As the server takes it, but for what has not been said yet. */
export type Draft = Omit<Input, 'assistant_id' | 'trunk_id'> & { assistant_id?: string | undefined; trunk_id?: string | undefined; schedule: Schema['Schedule']; settings: Schema['Settings']; disclosure: Schema['Disclosure'] }

export type Missing = 'name' | 'goal' | 'period' | 'start_past' | 'start_zone' | 'assistant' | 'trunk' | 'caller_id' | 'days' | 'slots' | 'outside'

export function newDraft(zone: string, goal: string): Draft {
  return { name: '', goal, schedule: { time_zone: zone }, settings: {}, disclosure: {} }
}

export function draftOf(campaign: Campaign): Draft {
  const { schedule, settings, disclosure, ...rest } = inputOf(campaign)
  return { ...rest, schedule: schedule ?? campaign.schedule, settings: settings ?? {}, disclosure: disclosure ?? {} }
}

/** `undefined` until everything that a campaign cannot be without is there. */
export function inputFrom(draft: Draft): Input | undefined {
  const { assistant_id, trunk_id } = draft
  if (assistant_id === undefined || trunk_id === undefined || draft.name.trim() === '') return undefined
  return { ...draft, name: draft.name.trim(), goal: draft.goal?.trim() || null, assistant_id, trunk_id }
}

/** What keeps a person from going on behind a step. Contacts are not asked for: a draft may be without any. */
export function missing(step: Step, draft: Draft, now: number): Missing[] {
  const all: (Missing | false | undefined)[] = []
  const { schedule } = draft
  switch (step) {
    case 'details': {
      const start = draft.scheduled_start
      all.push(draft.name.trim() === '' && 'name', !draft.goal?.trim() && 'goal')
      all.push(Boolean(schedule.period_start && schedule.period_end && schedule.period_start > schedule.period_end) && 'period')
      if (start) all.push(instantOf(start.at, start.time_zone ?? schedule.time_zone) <= now && 'start_past')
      break
    }
    case 'assistant':
      all.push(draft.assistant_id === undefined && 'assistant', draft.trunk_id === undefined && 'trunk', draft.trunk_id !== undefined && !draft.caller_id && 'caller_id')
      break
    case 'when': {
      const faults = new Set(runsOf(schedule).flatMap(runFaults))
      all.push(faults.has('no_days') && 'days', faults.has('slots') && 'slots', faults.has('outside') && 'outside')
      break
    }
    case 'who':
    case 'dialing':
    case 'review':
      break
  }
  return all.filter((one): one is Missing => Boolean(one))
}

/** The last step that can be gone to: the first one that is not whole, or the end. */
export function furthest(draft: Draft, now: number): Step {
  return STEPS.find((step) => missing(step, draft, now).length > 0) ?? 'review'
}

export function reachable(step: Step, draft: Draft, now: number): boolean {
  return STEPS.indexOf(step) <= STEPS.indexOf(furthest(draft, now))
}

/** Where what a start was refused with is put right. */
export function stepOfGuard(code: string): Step | undefined {
  return GUARDS[code]
}

const GUARDS: Record<string, Step> = {
  name_missing: 'details',
  period_over: 'details',
  assistant_missing: 'assistant',
  caller_id_missing: 'assistant',
  trunk_unusable: 'assistant',
  no_eligible_contact: 'who',
  no_window: 'when',
  schedule_invalid: 'when',
  settings_invalid: 'dialing',
}

/** Which step shows the field that a fault is about. */
export function stepOfPointer(pointer: string): Step {
  if (/^\/schedule\/runs/.test(pointer)) return 'when'
  if (/^\/(assistant_id|trunk_id|caller_id)/.test(pointer)) return 'assistant'
  if (/^\/settings/.test(pointer)) return 'dialing'
  return 'details'
}
