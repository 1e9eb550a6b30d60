/** The slots of a run as a list: from, to, one more, and on which days they hold. */
import { Button, Checkbox, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { clock } from '@/ui/format'
import { IconButton } from '@/ui/IconButton'
import { Copy, Plus, Sparkles, Trash2 } from '@/ui/icons'
import { WhyButton } from '@/ui/WhyButton'
import { DAYS, type Day } from './runs'
import { added, begun, ends, faults, MOST, removed, starts, stretched, SUGGESTED, whyNotAdd, type Slot } from './slots'

interface Props {
  title: string
  slots: readonly Slot[]
  onChange: (slots: Slot[]) => void
  /** The day it was opened from; none with dates. */
  day?: Day | undefined
  /** Weekdays of the run. */
  days: readonly Day[]
  /** Number of the other run that has a day. */
  takenBy: (day: Day) => number | undefined
  onToggleDay: (day: Day) => void
  /** Other times for this day alone: it becomes a run of its own. */
  onSplit?: (() => void) | undefined
}

export function SlotEditor({ title, slots, onChange, day, days, takenBy, onToggleDay, onSplit }: Props) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const why = whyNotAdd(slots)
  const wrong = faults(slots)
  const options = (minutes: number[], now: number) => [...new Set([...minutes, now])].sort((a, b) => a - b).map((value) => ({ value, label: clock(value) }))
  return (
    <div className="cw-slots" role="group" aria-label={title}>
      <div className="cw-line">
        <strong>{title}</strong>
        <span className="cw-caption cw-end">{t('when.of_most', { count: slots.length, most: MOST })}</span>
      </div>
      {slots.length === 0 && <p className="cw-caption">{t('when.no_slots')}</p>}
      {slots.map((slot, at) => (
        <div key={at} className="cw-slot-row">
          <Select
            size="small"
            autoFocus={at === 0}
            aria-label={t('when.from', { no: at + 1 })}
            status={wrong.some((one) => one.at === at) ? 'error' : ''}
            value={slot.start_min}
            options={options(starts(slots, at), slot.start_min)}
            onChange={(start: number) => onChange(begun(slots, at, start))}
          />
          <span aria-hidden>–</span>
          <Select
            size="small"
            aria-label={t('when.to', { no: at + 1 })}
            status={wrong.some((one) => one.at === at) ? 'error' : ''}
            value={slot.end_min}
            options={options(ends(slots, at), slot.end_min)}
            onChange={(end: number) => onChange(stretched(slots, at, 'end', end))}
          />
          <IconButton icon={Trash2} label={t('when.remove_slot', { no: at + 1 })} onClick={() => onChange(removed(slots, at))} />
        </div>
      ))}
      {wrong.map(({ at, fault }) => <p key={at} className="cw-fault" role="alert">{t(`when.fault.${fault}`, { no: at + 1 })}</p>)}
      <div className="cw-line">
        <WhyButton size="small" icon={<Plus size={14} />} why={why && t(`when.why_add.${why}`)} onClick={() => onChange(added(slots))}>{t('when.add_slot')}</WhyButton>
        <Button size="small" type="text" icon={<Sparkles size={14} />} onClick={() => onChange([...SUGGESTED])}>{t('when.suggested')}</Button>
      </div>
      {day !== undefined && (
        <div className="cw-copy-days" role="group" aria-label={t('when.copy')}>
          <strong><Copy size={13} aria-hidden /> {t('when.copy')}</strong>
          {DAYS.map((one) => {
            const owner = takenBy(one)
            return (
              <Checkbox key={one} checked={days.includes(one)} disabled={owner !== undefined || (days.length === 1 && days[0] === one)} onChange={() => onToggleDay(one)} title={owner === undefined ? undefined : t('when.belongs', { no: owner })}>
                {t(`common:day.${one}`)}
              </Checkbox>
            )
          })}
        </div>
      )}
      {onSplit && day !== undefined && days.length > 1 && (
        <div>
          <button type="button" className="cw-link cw-caption" onClick={onSplit}>{t('when.split', { day: t(`common:day.${day}`) })}</button>
          <p className="cw-caption">{t('when.split_hint')}</p>
        </div>
      )}
    </div>
  )
}
