/** The week of one run: a row for each day with its switch, its lane and its slots. */
import { Button, Drawer, Popover, Switch } from 'antd'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { SMALL, useMedia } from '@/app/media'
import { clock } from '@/ui/format'
import { Lane, type Shade } from './Lane'
import { changed, DAYS, dates, OPEN, ownerOf, splitOff, toggled, weekdays, type Day, type Run } from './runs'
import { SlotEditor } from './SlotEditor'
import { added, type Slot } from './slots'

interface Props {
  runs: readonly Run[]
  at: number
  onChange: (runs: Run[]) => void
  shades: (run: Run, day: Day | undefined) => Shade[]
  readOnly?: boolean
}

/** Days as lanes; a run of dates has one lane for all of them. */
type Row = Day | 'dates'

export function WeekEditor({ runs, at, onChange, shades, readOnly = false }: Props) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const small = useMedia(SMALL)
  const frame = useRef<HTMLDivElement>(null)
  const run = runs[at]!
  const own = weekdays(run)
  const rows: readonly Row[] = dates(run) === undefined ? DAYS : ['dates']
  const mine = rows.filter((row) => row === 'dates' || own.includes(row))
  const [opened, setOpened] = useState<Row>()
  const [focus, setFocus] = useState<{ row: Row; slot: number }>({ row: mine[0] ?? 'mon', slot: 0 })
  const [follow, setFollow] = useState(0)
  const slots = run.slots ?? []
  const reach = mine.includes(focus.row) ? focus.row : mine[0]

  const setSlots = (next: Slot[]) => onChange(changed(runs, at, (one) => ({ ...one, slots: next })))
  const go = (row: Row, slot: number) => {
    setFocus({ row, slot })
    setFollow((count) => count + 1)
  }
  useEffect(() => {
    if (follow === 0) return
    frame.current?.querySelector<HTMLElement>(`[data-row="${focus.row}"][data-slot="${focus.slot}"]`)?.focus()
    // The focus follows a key, and only a key.
  }, [follow])

  const taken = (day: Day) => {
    const owner = ownerOf(runs, day)
    return owner === undefined || owner === at ? undefined : owner + 1
  }
  const editor = (row: Row) => (
    <SlotEditor
      title={row === 'dates' ? t('when.times') : t(`day_long.${row}`)}
      slots={slots}
      onChange={setSlots}
      day={row === 'dates' ? undefined : row}
      days={own}
      takenBy={taken}
      onToggleDay={(day) => onChange(toggled(runs, at, day))}
      onSplit={row === 'dates' ? undefined : () => { setOpened(undefined); onChange(splitOff(runs, at, row)) }}
    />
  )
  const hatched = new Map(mine.flatMap((row) => shades(run, row === 'dates' ? undefined : row)).map((shade) => [`${clock(shade.start_min)}–${clock(shade.end_min)}`, shade.why]))
  const words = slots.map((slot) => `${clock(slot.start_min)}–${clock(slot.end_min)}`).join(', ') || t('when.all_hours')

  return (
    <div className="cw-week" ref={frame} onKeyDown={(event) => event.key === 'Escape' && opened !== undefined && (setOpened(undefined), event.stopPropagation())}>
      <div className="cw-week-row cw-week-scale" aria-hidden>
        <span />
        <div>{[6, 9, 12, 15, 18, 21, 23].map((hour) => <span key={hour} style={{ insetInlineStart: `${(100 * (hour - 6)) / 17}%` }}>{clock(hour * 60)}</span>)}</div>
        <span />
      </div>
      {rows.map((row) => {
        const owner = row === 'dates' ? undefined : taken(row)
        const on = row === 'dates' || own.includes(row)
        const name = row === 'dates' ? t('when.on_dates') : t(`day_long.${row}`)
        const count = slots.length === 0 ? t('when.whole_day') : t('when.slots', { count: slots.length })
        const button = <Button size="small" aria-haspopup="dialog" aria-expanded={opened === row} aria-label={`${count}: ${name}, ${words}`} disabled={readOnly} {...(small ? { onClick: () => setOpened(row) } : {})}>{count}</Button>
        return (
          <div key={row} className="cw-week-row" role="group" aria-label={on ? `${name}, ${words}` : name}>
            <label className="cw-week-day">
              {row !== 'dates' && <Switch size="small" checked={on} disabled={readOnly || owner !== undefined} onChange={() => onChange(toggled(runs, at, row))} aria-label={name} />}
              <span aria-hidden>{row === 'dates' ? t('when.on_dates') : t(`common:day.${row}`)}</span>
            </label>
            {on ? (
              <Lane
                row={row}
                label={name}
                slots={slots}
                open={run.contact_hours ?? OPEN}
                shades={shades(run, row === 'dates' ? undefined : row)}
                focused={reach === row ? Math.min(focus.slot, Math.max(0, slots.length - 1)) : undefined}
                readOnly={readOnly}
                onChange={setSlots}
                onFocus={(slot) => (row === focus.row && slot === focus.slot ? undefined : go(row, slot))}
                onLeave={(by) => go(mine[Math.max(0, Math.min(mine.length - 1, mine.indexOf(row) + by))]!, focus.slot)}
                onEdit={() => setOpened(row)}
                onAdd={() => setSlots(added(slots))}
              />
            ) : (
              <div className="cw-lane cw-lane-off"><span>{owner === undefined ? t('when.off') : t('when.belongs', { no: owner })}</span></div>
            )}
            {!on ? <span /> : small ? button : (
              <Popover open={opened === row} onOpenChange={(open) => setOpened(open ? row : undefined)} trigger="click" placement="bottomRight" arrow={false} destroyOnHidden content={() => editor(row)}>
                {button}
              </Popover>
            )}
          </div>
        )
      })}
      {small && <Drawer open={opened !== undefined} onClose={() => setOpened(undefined)} placement="bottom" title={t('when.times')}>{opened !== undefined && editor(opened)}</Drawer>}
      {hatched.size > 0 && <p className="cw-caption">{t('when.hatched')} {[...new Set(hatched.values())].map((why) => `${why} (${[...hatched].filter(([, one]) => one === why).map(([range]) => range).join(', ')})`).join('; ')}</p>}
      {!readOnly && <p className="cw-caption">{t('when.keys')}</p>}
    </div>
  )
}
