/** States of campaigns, contacts in them and attempts, each with its tone, icon and word (`state.…` of `common`). */
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import type { Schema } from '@/api/client'
import type { StatusTone } from '@/theme'
import {
  AudioLines, Ban, CalendarClock, Check, CircleDashed, CirclePause, CircleSlash, Clock, Hourglass, Pause, PhoneMissed, PhoneOff, PhoneOutgoing,
  Sparkles, Trash2, TriangleAlert, UserMinus, UserX, X, type Icon,
} from '../icons'
import { StatusTag } from './StatusTag'

type Look = readonly [StatusTone, Icon]

/** What a campaign's state is called: the system's pause is "suspended", a draft with a start is "scheduled". */
export type CampaignStatus = Schema['CampaignState'] | 'suspended' | 'scheduled'

const CAMPAIGN: Record<CampaignStatus, Look> = {
  draft: ['waiting', CircleDashed],
  scheduled: ['new', CalendarClock],
  in_progress: ['live', AudioLines],
  paused: ['waiting', Pause],
  suspended: ['partial', TriangleAlert],
  completed: ['success', Check],
  cancelled: ['waiting', CircleSlash],
  deleting: ['waiting', Trash2],
}

const TARGET: Record<Schema['TargetState'], Look> = {
  new: ['new', Sparkles],
  rejected: ['failure', UserX],
  waiting: ['waiting', Clock],
  ready: ['waiting', Hourglass],
  in_progress: ['live', AudioLines],
  callback: ['callback', CalendarClock],
  done: ['success', Check],
  failed: ['failure', X],
  suspended: ['waiting', CirclePause],
  blocked: ['failure', Ban],
  expired: ['waiting', CircleSlash],
  removed: ['waiting', UserMinus],
}

const ATTEMPT: Record<Schema['AttemptState'], Look> = {
  claimed: ['waiting', Hourglass],
  dialing: ['waiting', PhoneOutgoing],
  ringing: ['waiting', Clock],
  answered: ['live', AudioLines],
  in_conversation: ['live', AudioLines],
  ended: ['success', Check],
  not_placed: ['waiting', Ban],
  cancelled: ['waiting', PhoneOff],
  unknown: ['partial', TriangleAlert],
}

export function campaignStatus(campaign: Pick<Campaign, 'state' | 'pause_reason' | 'scheduled_start_at'>): CampaignStatus {
  if (campaign.state === 'paused' && campaign.pause_reason && campaign.pause_reason !== 'user') return 'suspended'
  if (campaign.state === 'draft' && campaign.scheduled_start_at) return 'scheduled'
  return campaign.state
}

export function CampaignTag({ campaign, tooltip }: { campaign: Pick<Campaign, 'state' | 'pause_reason' | 'scheduled_start_at'>; tooltip?: ReactNode }) {
  const { t } = useTranslation()
  const status = campaignStatus(campaign)
  const [tone, icon] = CAMPAIGN[status]
  return <StatusTag tone={tone} icon={icon} tooltip={tooltip}>{t(`state.campaign.${status}`)}</StatusTag>
}

export function TargetTag({ state, tooltip }: { state: Schema['TargetState']; tooltip?: ReactNode }) {
  const { t } = useTranslation()
  const [tone, icon] = TARGET[state]
  return <StatusTag tone={tone} icon={icon} tooltip={tooltip}>{t(`state.target.${state}`)}</StatusTag>
}

/** An attempt that ended without an answer is not green. */
export function AttemptTag({ attempt, tooltip }: { attempt: Pick<Schema['AttemptView'], 'state' | 'answered_at'>; tooltip?: ReactNode }) {
  const { t } = useTranslation()
  const missed = attempt.state === 'ended' && !attempt.answered_at
  const [tone, icon]: Look = missed ? ['waiting', PhoneMissed] : ATTEMPT[attempt.state]
  return <StatusTag tone={tone} icon={icon} tooltip={tooltip}>{t(missed ? 'state.attempt.unanswered' : `state.attempt.${attempt.state}`)}</StatusTag>
}

/** Why a call ended, in words; the group says whose doing it was. */
export function useReason(): (reason: Schema['DisconnectionReason']) => string {
  const { t } = useTranslation()
  return (reason) => t(`reason.${reason}`)
}

export function useBlockedReason(): (reason: Schema['BlockedReason']) => string {
  const { t } = useTranslation()
  return (reason) => t(`blocked.${reason}`)
}
