/** What keeps a draft from starting, all at once: what the server says, and what the draft lacks. */
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { diagnosisQuery } from '@/api/campaigns'
import type { Problem } from '@/api/problem'
import { missing, STEPS, stepOfGuard, type Step } from '../draft'
import type { Wizard } from '../useDraft'

export interface Guard {
  code: string
  text: string
  /** Where it is put right; none when it is not in the campaign. */
  step?: Step | undefined
}

/** Not about the draft itself. */
const NOT_GUARDS = ['not_started', 'retry', 'callback', 'not_due', 'preselection', 'suspended', 'later_run', 'outside_hours']

export function useGuards(wizard: Wizard, refused: Problem | undefined): { guards: Guard[]; pending: boolean; error: unknown } {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const { draft, campaign } = wizard
  const diagnosis = useQuery({ ...diagnosisQuery(campaign?.id ?? ''), enabled: campaign?.state === 'draft' })
  const words = (code: string, reason: string) => t(`campaigns:guard.${code}`, { defaultValue: t(`campaigns:hold.${code}`, { defaultValue: reason }) })
  const own = STEPS.flatMap((step) => missing(step, draft, Date.now()).map((one): Guard => ({ code: one, text: t(`missing.${one}`), step })))
  const told = (diagnosis.data?.holds ?? []).filter((hold) => !NOT_GUARDS.includes(hold.code) && !hold.code.startsWith('blocked_')).map((hold): Guard => ({ code: hold.code, text: words(hold.code, hold.reason), step: stepOfGuard(hold.code) }))
  const said = (refused?.errors ?? []).map((fault): Guard => ({ code: fault.code, text: words(fault.code, fault.reason), step: stepOfGuard(fault.code) }))
  const all = new Map([...own, ...told, ...said].map((guard) => [guard.code, guard]))
  return { guards: [...all.values()], pending: diagnosis.isPending && campaign !== undefined, error: diagnosis.error }
}
