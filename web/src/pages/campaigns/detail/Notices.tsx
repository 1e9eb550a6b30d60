/** Lines that stand above everything while they are true. */
import { Alert } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { TimeText } from '@/ui/values'

export function Notices({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const failed = campaign.state === 'draft' ? campaign.start_failed : null
  const suspended = campaign.state === 'paused' && campaign.pause_reason && campaign.pause_reason !== 'user'
  return (
    <>
      {failed && (
        <Alert
          type="warning"
          showIcon
          className="cw-problem"
          title={<>{t('notice.start_failed')} <TimeText at={failed.at} zone={campaign.schedule.time_zone} /></>}
          description={<ul>{failed.guards.map((guard) => <li key={guard.code + guard.pointer}>{t(`guard.${guard.code}`, { defaultValue: guard.reason })}</li>)}</ul>}
        />
      )}
      {suspended && (
        <Alert type="warning" showIcon className="cw-problem" title={t(`pause.${campaign.pause_reason}`)} description={[campaign.pause_detail, t(`pause_remedy.${campaign.pause_reason}`)].filter(Boolean).join(' ')} />
      )}
    </>
  )
}
