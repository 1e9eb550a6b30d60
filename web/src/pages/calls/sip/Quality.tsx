/** How good the audio was: counted on our leg, and told by the far side. */
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import { number } from '@/ui/format'
import { useLocale } from '@/ui/values'

export function Quality({ quality }: { quality: Schema['MediaQuality'] }) {
  const { t } = useTranslation('calls')
  const locale = useLocale()
  const { heard, said, round_trip: trip } = quality
  const ms = (value: number) => t('latency.ms', { value: number(value, locale, 1) })
  const share = (lost: number, packets: number) => (packets + lost > 0 ? t('quality.lost', { lost: number(lost, locale), percent: number((lost / (packets + lost)) * 100, locale, 2) }) : undefined)
  const rows: [string, ReactNode][] = [
    ['codec', `${quality.codec}${quality.encrypted ? ` · ${t('quality.encrypted')}` : ''}`],
    ['mos_heard', heard.mos != null && number(heard.mos, locale, 2)],
    ['lost_heard', share(heard.lost, heard.packets)],
    ['jitter_heard', t('quality.jitter', { mean: ms(heard.jitter_ms), peak: ms(heard.jitter_peak_ms) })],
    ['late', heard.late > 0 && number(heard.late, locale)],
    ['concealed', heard.concealed_ms > 0 && ms(heard.concealed_ms)],
    ['mos_said', said.mos != null && number(said.mos, locale, 2)],
    ['lost_said', said.reported && share(said.reported.lost, said.packets)],
    ['jitter_said', said.reported && t('quality.jitter', { mean: ms(said.reported.jitter_ms), peak: ms(said.reported.jitter_peak_ms) })],
    ['round_trip', trip && t('quality.trip', { mean: ms(trip.mean_ms), most: ms(trip.most_ms) })],
  ]
  return (
    <section className="cw-stack cw-tight">
      <h3>{t('quality.title')}</h3>
      <dl className="cw-facts-list">
        {rows.filter(([, value]) => value !== undefined && value !== null && value !== false).map(([key, value]) => <div key={key} className="cw-fact"><dt>{t(`quality.field.${key}`)}</dt><dd className="cw-num">{value}</dd></div>)}
      </dl>
    </section>
  )
}
