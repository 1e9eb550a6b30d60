/** How far a campaign is, as a bar: done, failed, in a call, and the rest. */
import { useQuery } from '@tanstack/react-query'
import { Tooltip } from 'antd'
import { useTranslation } from 'react-i18next'
import { progressQuery, type Progress } from '@/api/campaigns'
import { number, percent } from '@/ui/format'
import { Nothing, useLocale } from '@/ui/values'

export function ProgressBar({ progress }: { progress: Progress }) {
  const share = (value: number) => `${progress.total === 0 ? 0 : (100 * value) / progress.total}%`
  return (
    <div className="cw-bar" aria-hidden>
      <i style={{ inlineSize: share(progress.completed), background: 'var(--cw-success-solid)' }} />
      <i style={{ inlineSize: share(progress.failed), background: 'var(--cw-failure-solid)' }} />
      <i style={{ inlineSize: share(progress.in_progress), background: 'var(--cw-live-solid)' }} />
    </div>
  )
}

/** In a table: percent, contacts and the bar; what the colours stand for is in the tooltip. */
export function ProgressCell({ id }: { id: string }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const { data } = useRowProgress(id)
  if (data === undefined || data.total === 0) return <Nothing />
  const words = (['completed', 'failed', 'in_progress', 'pending'] as const).map((part) => `${t(`progress.${part}`)} ${number(data[part], locale)}`)
  return (
    <Tooltip title={words.map((line) => <div key={line}>{line}</div>)}>
      <div className="cw-progress" tabIndex={0} role="img" aria-label={`${percent(data.percent_complete / 100, locale)}, ${words.join(', ')}`}>
        <span>{percent(data.percent_complete / 100, locale)}</span>
        <span>{number(data.total, locale)}</span>
        <ProgressBar progress={data} />
      </div>
    </Tooltip>
  )
}

/** Several cells of a row share one read; events renew it while a campaign runs. */
export function useRowProgress(id: string) {
  return useQuery({ ...progressQuery(id), staleTime: 30_000 })
}
