/** All calls to one contact in the campaign, in order. */
import { useQuery } from '@tanstack/react-query'
import { Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { attemptsQuery, type Campaign } from '@/api/campaigns'
import { ProblemAlert } from '@/ui/Problem'
import { AttemptTag, useReason } from '@/ui/status/states'
import { Duration, Nothing, PhoneText, TimeText } from '@/ui/values'
import { talkedMs } from '../calls/talked'

export function TargetAttempts({ campaign, contactId }: { campaign: Campaign; contactId: string }) {
  const { t } = useTranslation('campaigns')
  const reason = useReason()
  const attempts = useQuery(attemptsQuery(campaign.id, { contact_id: contactId, limit: 100 }))
  if (attempts.error !== null) return <ProblemAlert error={attempts.error} retry={() => void attempts.refetch()} />
  if (attempts.data === undefined) return <Skeleton active title={false} paragraph={{ rows: 1 }} />
  if (attempts.data.items.length === 0) return <span className="cw-soft">{t('contacts.no_calls')}</span>
  return (
    <ol className="cw-attempts">
      {attempts.data.items.map((attempt) => (
        <li key={attempt.id}>
          <TimeText at={attempt.claimed_at} zone={campaign.schedule.time_zone} />
          <AttemptTag attempt={attempt} />
          <span>{attempt.reason ? reason(attempt.reason) : attempt.blocked_reason ? t(`common:blocked.${attempt.blocked_reason}`) : <Nothing />}</span>
          <Duration ms={talkedMs(attempt)} />
          <PhoneText number={attempt.phone} />
          <span className="cw-soft">{t('calls.dial_no', { dial: attempt.dial_no, round: attempt.round })}</span>
        </li>
      ))}
    </ol>
  )
}
