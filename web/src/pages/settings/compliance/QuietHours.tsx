import { Button, Form, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { clock } from '@/ui/format'
import { IconButton } from '@/ui/IconButton'
import { Plus, Trash2 } from '@/ui/icons'

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
const TIMES = Array.from({ length: 49 }, (_, index) => ({ value: index * 30, label: clock(index * 30) }))
/** As many as the server keeps. */
const MOST = 20

/** Times at which nobody is called, on some days or all. */
export function QuietHours() {
  const { t } = useTranslation('settings')
  return (
    <Form.List name="quiet_hours">
      {(rows, { add, remove }) => (
        <fieldset className="cw-rows-plain">
          <legend>{t('policy.quiet')}</legend>
          {rows.map(({ key, name }) => (
            <div key={key} className="cw-quiet">
              <Form.Item name={[name, 'days']} noStyle>
                <Select mode="multiple" aria-label={t('policy.days_no', { no: name + 1 })} placeholder={t('policy.every_day')} maxTagCount="responsive" options={DAYS.map((value) => ({ value, label: t(`common:day.${value}`) }))} />
              </Form.Item>
              <Form.Item name={[name, 'start_min']} noStyle><Select aria-label={t('policy.from_no', { no: name + 1 })} options={TIMES.slice(0, -1)} /></Form.Item>
              <span aria-hidden>–</span>
              <Form.Item name={[name, 'end_min']} noStyle><Select aria-label={t('policy.to_no', { no: name + 1 })} options={TIMES.slice(1)} /></Form.Item>
              <IconButton icon={Trash2} label={t('policy.remove_quiet', { no: name + 1 })} onClick={() => remove(name)} />
            </div>
          ))}
          {rows.length < MOST && <Button size="small" icon={<Plus size={14} />} onClick={() => add({ days: [], start_min: 720, end_min: 780 })}>{t('policy.add_quiet')}</Button>}
        </fieldset>
      )}
    </Form.List>
  )
}
