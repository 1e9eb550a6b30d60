import { Form, InputNumber, Select, Switch } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { EditModal } from './EditModal'

/** Ends of each setting as the server has them. */
const NUMBERS = [
  ['calls_per_minute', 1, 6000],
  ['max_concurrent_calls', 1, 10_000],
  ['max_retries', 0, 20],
  ['retry_delay_min', 1, 10_080],
  ['voicemail_retry_delay_min', 5, 10_080],
  ['ring_timeout_s', 10, 120],
  ['max_call_duration_s', 30, 3600],
  ['early_hangup_s', 0, 60],
] as const

/** How fast, how often, how long: holds from the next dial on. */
export default function EditDialing({ campaign, close }: { campaign: Campaign; close: () => void }) {
  const { t } = useTranslation('campaigns')
  return (
    <EditModal campaign={campaign} title={t('settings.dialing')} note={t('settings.next_dial')} initial={campaign.settings} change={(fields) => ({ settings: { ...campaign.settings, ...fields } })} close={close}>
      {() => (
        <>
          <div className="cw-fields">
            {NUMBERS.map(([name, min, max]) => (
              <Form.Item key={name} name={name} label={t(`field.${name}`)} extra={t('settings.between', { min, max })} rules={[{ required: true, message: t('common:form.required') }]}>
                <InputNumber min={min} max={max} precision={0} style={{ width: '100%' }} />
              </Form.Item>
            ))}
          </div>
          <Form.Item name="alternate_numbers" label={t('settings.alternate_numbers')}>
            <Select options={(['rotate', 'invalid_only', 'off'] as const).map((value) => ({ value, label: t(`alternate_numbers.${value}`) }))} />
          </Form.Item>
          <Form.Item name="retries_first" label={t('settings.retries_first')} valuePropName="checked"><Switch /></Form.Item>
        </>
      )}
    </EditModal>
  )
}
