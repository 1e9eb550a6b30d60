/** When it will be done and what holds it, with the pace that is being typed. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { forecastQuery, progressQuery } from '@/api/campaigns'
import { Card } from '@/ui/Card'
import { moment, number, percent } from '@/ui/format'
import { HelpHint } from '@/ui/HelpHint'
import { TriangleAlert } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { useDebounced } from '@/ui/useDelayed'
import { TimeText, useLocale } from '@/ui/values'
import type { Wizard } from '../useDraft'

/** Milliseconds after the last change. */
const PAUSE = 500

export function ForecastAside({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const id = wizard.campaign?.id
  const progress = useQuery({ ...progressQuery(id ?? ''), enabled: id !== undefined })
  const people = progress.data?.total ?? 0
  return (
    <Card title={<>{t('campaigns:forecast.title')} <HelpHint>{t('campaigns:forecast.hint')}</HelpHint></>}>
      {id === undefined || progress.data === undefined || people === 0 ? <p className="cw-soft">{t('forecast.nobody')}</p> : <Result id={id} wizard={wizard} people={people} />}
    </Card>
  )
}

function Result({ id, wizard, people }: { id: string; wizard: Wizard; people: number }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const locale = useLocale()
  const { settings } = wizard.draft
  const limits = useDebounced(JSON.stringify({ calls_per_minute: settings.calls_per_minute ?? 10, max_concurrent_calls: settings.max_concurrent_calls ?? 5 }), PAUSE)
  const forecast = useQuery({ ...forecastQuery(id, JSON.parse(limits) as { calls_per_minute: number; max_concurrent_calls: number }), placeholderData: keepPreviousData })
  const data = forecast.data
  if (forecast.error) return <ProblemAlert error={forecast.error} retry={() => void forecast.refetch()} />
  if (data === undefined) return <><Skeleton active title={false} paragraph={{ rows: 4 }} /><p className="cw-caption">{t('campaigns:forecast.computing')}</p></>
  const short = (at: string) => moment(new Date(at), new Date(), locale)
  const tooFew = data.minutes_left != null && data.minutes_this_month > data.minutes_left
  return (
    <div className={`cw-stack cw-tight ${forecast.isFetching ? 'cw-fading' : ''}`} aria-busy={forecast.isFetching}>
      <div>
        <div className="cw-forecast-at" role="status">{data.done_at ? <TimeText at={data.done_at} zone={wizard.draft.schedule.time_zone} /> : t('campaigns:forecast.never')}</div>
        {data.done_p10_at && data.done_p90_at && <div className="cw-caption">{t('campaigns:forecast.spread', { from: short(data.done_p10_at), to: short(data.done_p90_at) })}</div>}
        <div className="cw-caption">{t('forecast.for', { count: people, text: number(people, locale) })}</div>
      </div>
      {!data.done_at && data.dials > 0 && <p className="cw-warn" data-tone="failure"><TriangleAlert size={15} aria-hidden />{t('campaigns:forecast.never_text')}</p>}
      <ul className="cw-shares">
        {data.limits.map((limit) => (
          <li key={limit.code} title={limit.reason}>
            <span>{t(`campaigns:limit.${limit.code}`, { defaultValue: limit.reason })}</span>
            <span className="cw-num">{percent(limit.share, locale)}</span>
            <div className="cw-bar" aria-hidden><i style={{ inlineSize: `${100 * limit.share}%`, background: 'var(--cw-series-1)' }} /></div>
          </li>
        ))}
      </ul>
      <p className={tooFew ? 'cw-warn' : 'cw-caption'} data-tone="failure">
        {data.minutes_left == null ? t('forecast.minutes', { count: Math.round(data.minutes), needed: number(Math.round(data.minutes), locale) }) : t('campaigns:forecast.minutes', { needed: number(data.minutes_this_month, locale), left: number(data.minutes_left, locale) })}
      </p>
      {data.unreached.length > 0 && (
        <div>
          <h3>{t('campaigns:forecast.unreached')}</h3>
          <ul className="cw-plain">
            {data.unreached.map((group) => (
              <li key={group.code} className="cw-warn" title={group.reason}>
                <TriangleAlert size={15} aria-hidden />
                <span><strong className="cw-num">{number(group.contacts, locale)}</strong> {t(`campaigns:unreached.${group.code}`, { defaultValue: t(`common:blocked.${group.code}`, { defaultValue: group.reason }) })}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  )
}
