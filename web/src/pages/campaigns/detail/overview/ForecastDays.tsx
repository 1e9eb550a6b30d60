import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Forecast } from '@/api/campaigns'
import { date, number } from '@/ui/format'
import { useLocale } from '@/ui/values'
import { daysOf, grouped } from './days'

const BARS = 28

/** Calls a day as bars from zero, answered ones darker; the same as a table on demand. */
export function ForecastDays({ hours }: { hours: Forecast['hours'] }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const [table, setTable] = useState(false)
  const all = daysOf(hours)
  const bars = grouped(all, BARS)
  const most = Math.max(...bars.map((bar) => bar.dials), 1)
  const round = (value: number) => number(Math.round(value), locale)
  return (
    <div>
      <div className="cw-line">
        <h3>{t('forecast.days')}</h3>
        <button type="button" className="cw-link cw-caption" aria-pressed={table} onClick={() => setTable(!table)}>{t(table ? 'chart.bars' : 'chart.table')}</button>
      </div>
      {table ? (
        <div className="cw-small-table">
          <table>
            <thead><tr><th>{t('chart.day')}</th><th>{t('chart.dials')}</th><th>{t('chart.answered')}</th></tr></thead>
            <tbody>{all.map((day) => <tr key={day.day.getTime()}><td>{date(day.day, locale)}</td><td>{round(day.dials)}</td><td>{round(day.answered)}</td></tr>)}</tbody>
          </table>
        </div>
      ) : (
        <div style={{ maxInlineSize: Math.max(200, bars.length * 30) }}>
          <div className="cw-bars" role="img" aria-label={t('forecast.days_label', { days: all.length, most: round(most) })}>
            {bars.map((bar) => (
              <div key={bar.day.getTime()} title={`${date(bar.day, locale)}: ${round(bar.dials)} / ${round(bar.answered)}`}>
                <i style={{ blockSize: `${(100 * bar.dials) / most}%` }}><b style={{ blockSize: `${bar.dials === 0 ? 0 : (100 * bar.answered) / bar.dials}%` }} /></i>
              </div>
            ))}
          </div>
          <div className="cw-axis cw-num"><span>{date(all[0]!.day, locale)}</span>{all.length > 1 && <span>{date(all.at(-1)!.day, locale)}</span>}</div>
          <div className="cw-legend"><span data-of="dials">{t('chart.dials')}</span><span data-of="answered">{t('chart.answered')}</span></div>
        </div>
      )}
    </div>
  )
}
