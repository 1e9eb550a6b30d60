/** What can be done to a campaign in its state, and why not: the same in lists and in the head of its page. */
import type { Campaign } from '@/api/campaigns'
import type { Scope } from '@/api/session'

export type Act = 'start' | 'pause' | 'resume' | 'cancel' | 'stop' | 'duplicate' | 'merge' | 'edit' | 'delete'

type Known = Pick<Campaign, 'state' | 'pause_reason'>

/** The one button that runs or pauses. */
export function mainAct(campaign: Known): 'start' | 'pause' | 'resume' {
  if (campaign.state === 'in_progress') return 'pause'
  return campaign.state === 'draft' ? 'start' : 'resume'
}

/** Key of the reason (`why.…`) why it cannot be done; `undefined` when it can. */
export function whyNot(act: Act, campaign: Known, can: (scope: Scope) => boolean): string | undefined {
  const scope: Scope = act === 'duplicate' || act === 'merge' || act === 'edit' || act === 'delete' ? 'campaigns:write' : 'campaigns:control'
  if (!can(scope)) return 'right'
  const { state } = campaign
  if (state === 'deleting') return 'deleting'
  switch (act) {
    case 'start':
      return state === 'draft' ? undefined : 'started'
    case 'pause':
      return state === 'in_progress' ? undefined : 'not_running'
    case 'resume':
      if (state === 'cancelled') return 'cancelled'
      return state === 'paused' || state === 'completed' ? undefined : 'not_paused'
    case 'cancel':
      if (state === 'draft') return 'draft'
      return state === 'in_progress' || state === 'paused' ? undefined : 'over'
    case 'stop':
      return state === 'in_progress' ? undefined : 'not_running'
    case 'merge':
      return state === 'in_progress' ? 'running' : state === 'cancelled' ? 'cancelled' : undefined
    case 'edit':
      return state === 'cancelled' ? 'cancelled' : undefined
    case 'duplicate':
    case 'delete':
      return undefined
  }
}
