/** When the campaign will be done and what holds it; "what if" moves its limits without changing anything. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Button, InputNumber, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { forecastQuery, type Campaign, type Forecast } from '@/api/campaigns'
import { Card } from '@/ui/Card'
import { moment, number, percent } from '@/ui/format'
import { HelpHint } from '@/ui/HelpHint'
import { RefreshCw, TriangleAlert } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { useDebounced } from '@/ui/useDelayed'
import { TimeText, useLocale } from '@/ui/values'
import { ForecastDays } from './ForecastDays'

/** Milliseconds after the last change of a limit. */
const PAUSE = 500
/** Shares that would read as 0 % are left out. */
const NOTABLE = 0.005

export function ForecastCard({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const own = { pace: campaign.settings.calls_per_minute ?? 10, calls: campaign.settings.max_concurrent_calls ?? 5 }
  const [limits, setLimits] = useState(own)
  const settled = useDebounced(limits, PAUSE)
  const changed = settled.pace !== own.pace || settled.calls !== own.calls
  const forecast = useQuery({
    ...forecastQuery(campaign.id, changed ? { calls_per_minute: settled.pace, max_concurrent_calls: settled.calls } : null),
    placeholderData: keepPreviousData,
  })
  const recompute = <Button size="small" icon={<RefreshCw size={14} />} loading={forecast.isFetching} onClick={() => void forecast.refetch()}>{t('forecast.again')}</Button>
  return (
    <Card title={<>{t('forecast.title')} <HelpHint>{t('forecast.hint')}</HelpHint></>} actions={recompute} className={forecast.isPlaceholderData ? 'cw-stale' : ''}>
      <ProblemAlert error={forecast.error} retry={() => void forecast.refetch()} />
      {forecast.isPending && <><Skeleton active title={false} paragraph={{ rows: 4 }} /><p className="cw-caption">{t('forecast.computing')}</p></>}
      {forecast.data && <Result forecast={forecast.data} campaign={campaign} />}
      <div className="cw-what-if" role="group" aria-label={t('forecast.what_if')}>
        <h3>{t('forecast.what_if')}</h3>
        <label>{t('field.calls_per_minute')}<InputNumber min={1} max={6000} value={limits.pace} onChange={(pace) => setLimits({ ...limits, pace: pace ?? own.pace })} /></label>
        <label>{t('field.max_concurrent_calls')}<InputNumber min={1} max={10_000} value={limits.calls} onChange={(calls) => setLimits({ ...limits, calls: calls ?? own.calls })} /></label>
        {changed && <Button size="small" onClick={() => setLimits(own)}>{t('forecast.as_set')}</Button>}
      </div>
    </Card>
  )
}

function Result({ forecast, campaign }: { forecast: Forecast; campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const short = (at: string) => moment(new Date(at), new Date(), locale)
  const tooFew = forecast.minutes_left != null && forecast.minutes_this_month > forecast.minutes_left
  const nothing = forecast.dials === 0
  return (
    <div className="cw-stack cw-tight">
      {nothing && <p>{t('forecast.nothing')}</p>}
      <div hidden={nothing}>
        <div className="cw-forecast-at">{forecast.done_at ? <TimeText at={forecast.done_at} zone={campaign.schedule.time_zone} /> : t('forecast.never')}</div>
        {forecast.done_p10_at && forecast.done_p90_at && <div className="cw-caption">{t('forecast.spread', { from: short(forecast.done_p10_at), to: short(forecast.done_p90_at) })}</div>}
        <div className="cw-caption">{t('forecast.takes', { dials: number(forecast.dials, locale), answered: number(forecast.answered, locale), minutes: number(forecast.minutes, locale) })}</div>
      </div>
      {!forecast.done_at && forecast.dials > 0 && <p className="cw-warn" data-tone="failure"><TriangleAlert size={15} aria-hidden />{t('forecast.never_text')}</p>}
      {tooFew && <p className="cw-warn" data-tone="failure"><TriangleAlert size={15} aria-hidden />{t('forecast.minutes', { needed: number(forecast.minutes_this_month, locale), left: number(forecast.minutes_left!, locale) })}</p>}
      {forecast.hours.length > 0 && <ForecastDays hours={forecast.hours} />}
      {forecast.limits.length > 0 && (
        <div>
          <h3>{t('forecast.held_by')}</h3>
          <ul className="cw-shares">
            {forecast.limits.filter((limit) => limit.share >= NOTABLE).map((limit) => (
              <li key={limit.code} title={limit.reason}>
                <span>{t(`limit.${limit.code}`, { defaultValue: limit.reason })}</span>
                <span className="cw-num">{percent(limit.share, locale)}</span>
                <div className="cw-bar" aria-hidden><i style={{ inlineSize: `${100 * limit.share}%`, background: 'var(--cw-series-1)' }} /></div>
              </li>
            ))}
          </ul>
        </div>
      )}
      {forecast.unreached.length > 0 && (
        <div>
          <h3>{t('forecast.unreached')}</h3>
          <ul className="cw-plain">
            {forecast.unreached.map((group) => (
              <li key={group.code} title={group.reason}><strong className="cw-num">{number(group.contacts, locale)}</strong> {t(`unreached.${group.code}`, { defaultValue: t(`common:blocked.${group.code}`, { defaultValue: group.reason }) })}</li>
            ))}
          </ul>
        </div>
      )}
      <p className="cw-caption">
        {t('forecast.made')} <TimeText at={forecast.at} />. {forecast.learnt_from < 30 ? t('forecast.assumed') : t('forecast.learnt', { count: forecast.learnt_from })}
      </p>
    </div>
  )
}
