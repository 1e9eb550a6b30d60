/** Whether a run goes by weekdays or by single dates, the dates, and whom it calls. */
import { Button, Input, Segmented, Select, Tag } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { date } from '@/ui/format'
import { Plus } from '@/ui/icons'
import { useLocale } from '@/ui/values'
import { byDates, changed, dates, ownerOfDate, withDate, type Run } from './runs'

interface Props {
  runs: readonly Run[]
  at: number
  onChange: (runs: Run[]) => void
  readOnly?: boolean
}

export function RunDays({ runs, at, onChange, readOnly = false }: Props) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const run = runs[at]!
  const list = dates(run)
  return (
    <div className="cw-stack cw-tight">
      <div className="cw-line">
        <Segmented
          aria-label={t('when.days')}
          disabled={readOnly}
          value={list === undefined ? 'week' : 'dates'}
          options={[{ value: 'week', label: t('when.weekdays') }, { value: 'dates', label: t('when.dates') }]}
          onChange={(kind) => onChange(changed(runs, at, (one) => byDates(one, kind === 'dates', runs.filter((_, index) => index !== at))))}
        />
        <label className="cw-line cw-end">
          <span className="cw-soft">{t('when.audience')}</span>
          <Select
            disabled={readOnly}
            value={run.audience ?? 'all_unfinished'}
            popupMatchSelectWidth={false}
            onChange={(audience) => onChange(changed(runs, at, (one) => ({ ...one, audience })))}
            options={(['all_unfinished', 'never_answered'] as const).map((value) => ({ value, label: t(`campaigns:audience.${value}`) }))}
          />
        </label>
      </div>
      {list !== undefined && <Dates runs={runs} at={at} onChange={onChange} readOnly={readOnly} list={list} />}
    </div>
  )
}

function Dates({ runs, at, onChange, readOnly, list }: Props & { list: string[] }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const locale = useLocale()
  const [next, setNext] = useState('')
  const owner = next === '' ? undefined : ownerOfDate(runs, next)
  const drop = (gone: string) => onChange(changed(runs, at, (run) => ({ ...run, days: { dates: list.filter((one) => one !== gone) } })))
  const add = () => {
    onChange(withDate(runs, at, next))
    setNext('')
  }
  return (
    <div>
      <div className="cw-line">
        <Input type="date" aria-label={t('when.date')} value={next} disabled={readOnly} onChange={(event) => setNext(event.target.value)} style={{ width: 170 }} status={owner === undefined ? '' : 'error'} />
        <Button icon={<Plus size={15} />} disabled={readOnly || next === '' || owner !== undefined} onClick={add}>{t('when.add_date')}</Button>
        {list.map((one) => (
          <Tag key={one} closable={!readOnly} onClose={(event) => { event.preventDefault(); drop(one) }} closeIcon={<span aria-label={t('when.drop_date', { date: one })}>×</span>}>{date(new Date(`${one}T00:00`), locale)}</Tag>
        ))}
      </div>
      {owner !== undefined && <p className="cw-fault" role="alert">{t('when.belongs', { no: owner + 1 })}</p>}
    </div>
  )
}
