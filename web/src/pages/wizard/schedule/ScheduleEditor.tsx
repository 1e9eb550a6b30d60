/**
 * Runs of a campaign: a tab for each with its days, times and rules. Controlled: what is shown is `value`, every change
 * is told whole. Used by the wizard and wherever the schedule of a campaign can be changed.
 */
import { Button, Select, Tabs } from 'antd'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import { Globe, Plus, Trash2 } from '@/ui/icons'
import { ZoneSelect } from '@/ui/ZoneSelect'
import { RunDays } from './RunDays'
import { RunRules } from './RunRules'
import { changed, runFaults, runsOf, withoutRun, withRun, type Run, type Schedule } from './runs'
import { useShades } from './shades'
import { WeekEditor } from './WeekEditor'
import './schedule.css'

export interface ScheduleValue {
  schedule: Schedule
  settings: Schema['Settings']
}

interface Props {
  value: ScheduleValue
  onChange: (value: ScheduleValue) => void
  readOnly?: boolean
  /** Retries and callbacks stand under the week instead of beside it. */
  narrow?: boolean
  /** Stands under retries and callbacks. */
  aside?: ReactNode
}

export function ScheduleEditor({ value, onChange, readOnly = false, narrow = false, aside }: Props) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const shades = useShades()
  const [chosen, setChosen] = useState(0)
  const { schedule, settings } = value
  const runs = runsOf(schedule)
  const at = Math.min(chosen, runs.length - 1)
  const set = (next: Run[]) => {
    onChange({ ...value, schedule: { ...schedule, runs: next } })
    if (next.length > runs.length) setChosen(next.length - 1)
  }
  const faults = runFaults(runs[at]!)
  return (
    <div className={narrow ? 'cw-stack' : 'cw-two cw-schedule'}>
      <section className="cw-card">
        <div className="cw-run-tabs">
          <Tabs
            size="small"
            activeKey={String(at)}
            onChange={(key) => setChosen(Number(key))}
            items={runs.map((run, index) => ({ key: String(index), label: <span data-wrong={runFaults(run).length > 0 || undefined}>{t('campaigns:runs.title', { no: index + 1 })}</span> }))}
          />
          {!readOnly && <Button size="small" icon={<Plus size={14} />} onClick={() => set(withRun(runs))}>{t('when.add_run')}</Button>}
          {!readOnly && runs.length > 1 && <Button size="small" type="text" danger icon={<Trash2 size={14} />} onClick={() => { setChosen(0); set(withoutRun(runs, at)) }}>{t('when.remove_run', { no: at + 1 })}</Button>}
        </div>
        <div className="cw-line cw-hours-in">
          <Globe size={15} aria-hidden />
          <span className="cw-soft">{t('campaigns:settings.tz_mode')}</span>
          <Select
            aria-label={t('campaigns:settings.tz_mode')}
            disabled={readOnly}
            popupMatchSelectWidth={false}
            value={settings.tz_mode ?? 'contact_local'}
            onChange={(tz_mode) => onChange({ ...value, settings: { ...settings, tz_mode } })}
            options={(['contact_local', 'campaign'] as const).map((mode) => ({ value: mode, label: t(`campaigns:tz_mode.${mode}`) }))}
          />
          <ZoneSelect aria-label={t('when.zone')} disabled={readOnly} value={schedule.time_zone} onChange={(time_zone) => onChange({ ...value, schedule: { ...schedule, time_zone: time_zone ?? schedule.time_zone } })} style={{ width: 210 }} />
        </div>
        <div className="cw-stack cw-tight">
          <RunDays runs={runs} at={at} onChange={set} readOnly={readOnly} />
          <WeekEditor key={at} runs={runs} at={at} onChange={set} shades={shades} readOnly={readOnly} />
          {faults.map((fault) => <p key={fault} className="cw-fault" role="alert">{t(`when.run_fault.${fault}`)}</p>)}
        </div>
      </section>
      <div className="cw-stack">
        <RunRules key={at} run={runs[at]!} no={at + 1} settings={settings} onChange={(run) => set(changed(runs, at, () => run))} readOnly={readOnly} />
        {aside}
      </div>
    </div>
  )
}
