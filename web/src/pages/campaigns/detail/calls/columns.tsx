import { useTranslation } from 'react-i18next'
import type { Attempt, Campaign, Run } from '@/api/campaigns'
import { AttemptTag, useBlockedReason, useReason } from '@/ui/status/states'
import type { Column } from '@/ui/table'
import { Duration, Nothing, NumberText, PhoneText, TimeText } from '@/ui/values'
import { talkedMs } from './talked'

export function useColumns(campaign: Campaign, runs: Run[]): Column<Attempt>[] {
  const { t } = useTranslation('campaigns')
  const reason = useReason()
  const blocked = useBlockedReason()
  const zone = campaign.schedule.time_zone
  const run = (id: string | null | undefined) => runs.find((one) => one.id === id)?.ordinal
  return [
    { key: 'phone', title: t('field.phone'), width: 170, fixed: 'start', render: (attempt) => <PhoneText number={attempt.phone} /> },
    { key: 'started', title: t('field.started_at'), width: 150, sort: 'claimed_at', render: (attempt) => <TimeText at={attempt.claimed_at} zone={zone} /> },
    { key: 'status', title: t('field.status'), width: 174, render: (attempt) => <AttemptTag attempt={attempt} tooltip={attempt.immediate ? t('calls.immediate') : undefined} /> },
    { key: 'duration', title: t('field.duration'), width: 116, align: 'right', render: (attempt) => <Duration ms={talkedMs(attempt)} since={attempt.ended_at ? undefined : attempt.answered_at} /> },
    { key: 'dial', title: t('field.attempt'), width: 114, render: (attempt) => <span className="cw-num">{t('calls.dial_no', { dial: attempt.dial_no, round: attempt.round })}</span> },
    { key: 'reason', title: t('field.reason'), width: 178, render: (attempt) => (attempt.reason ? reason(attempt.reason) : attempt.blocked_reason ? blocked(attempt.blocked_reason) : <Nothing />) },
    { key: 'by', title: t('field.answered_by'), width: 144, render: (attempt) => (attempt.answered_by ? t(`common:answered_by.${attempt.answered_by}`) : <Nothing />) },
    { key: 'ended_by', title: t('field.ended_by'), width: 120, render: (attempt) => (attempt.ended_by ? t(`common:ended_by.${attempt.ended_by}`) : <Nothing />) },
    { key: 'run', title: t('field.run'), width: 80, align: 'right', hidden: runs.length < 2, render: (attempt) => <NumberText value={run(attempt.run_id)} /> },
    { key: 'sip', title: t('field.sip_code'), width: 90, align: 'right', hidden: true, render: (attempt) => attempt.sip_code ?? <Nothing /> },
    { key: 'q850', title: t('field.q850'), width: 90, align: 'right', hidden: true, render: (attempt) => attempt.q850 ?? <Nothing /> },
    { key: 'answered', title: t('field.answered_at'), width: 150, sort: 'answered_at', hidden: true, render: (attempt) => <TimeText at={attempt.answered_at} zone={zone} /> },
    { key: 'ended', title: t('field.ended_at'), width: 150, sort: 'ended_at', hidden: true, render: (attempt) => <TimeText at={attempt.ended_at} zone={zone} /> },
    { key: 'counts', title: t('field.consumes_retry'), width: 130, hidden: true, render: (attempt) => t(attempt.consumes_retry ? 'common:yes' : 'common:no') },
  ]
}
