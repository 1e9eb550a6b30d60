/** How fast, how often, how long; the forecast beside it moves with every change. */
import { Collapse, Form, InputNumber, Select, Switch } from 'antd'
import { useTranslation } from 'react-i18next'
import { Card } from '@/ui/Card'
import { Info } from '@/ui/icons'
import { DialingFields } from '../parts/DialingFields'
import { ForecastAside } from '../parts/ForecastAside'
import type { Wizard } from '../useDraft'

/** Bounds as the server has them. */
const FURTHER = [
  ['voicemail_retry_delay_min', 5, 10_080, 240],
  ['ring_timeout_s', 10, 120, 30],
  ['early_hangup_s', 0, 60, 10],
] as const

export default function DialingStep({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const { settings } = wizard.draft
  const set = (part: Partial<typeof settings>) => wizard.change({ settings: { ...settings, ...part } })
  return (
    <div className="cw-two">
      <Form layout="vertical" component="div" requiredMark={false} className="cw-stack">
        <Card title={t('campaigns:settings.dialing')}>
          <DialingFields wizard={wizard} />
          <p className="cw-hint-line"><Info size={15} aria-hidden /> {t('dialing.hint')}</p>
        </Card>
        <Collapse
          items={[{
            key: 'more',
            label: t('dialing.more'),
            children: (
              <>
                <div className="cw-fields">
                  {FURTHER.map(([name, min, max, initial]) => (
                    <Form.Item key={name} label={t(`campaigns:field.${name}`)} htmlFor={name} extra={t('campaigns:settings.between', { min, max })}>
                      <InputNumber id={name} min={min} max={max} precision={0} value={settings[name] ?? initial} onChange={(value) => set({ [name]: value ?? initial })} style={{ width: '100%' }} />
                    </Form.Item>
                  ))}
                  <Form.Item label={t('campaigns:settings.list_order')} htmlFor="order">
                    <Select id="order" value={settings.list_order?.by ?? 'as_imported'} onChange={(by) => by !== 'field' && set({ list_order: by === 'random' ? { by, seed: 1 } : { by } })} options={(['as_imported', 'newest_first', 'random'] as const).map((value) => ({ value, label: t(`campaigns:list_order.${value}`) }))} />
                  </Form.Item>
                  <Form.Item label={t('campaigns:settings.alternate_numbers')} htmlFor="alternates">
                    <Select id="alternates" value={settings.alternate_numbers ?? 'rotate'} onChange={(alternate_numbers) => set({ alternate_numbers })} options={(['rotate', 'invalid_only', 'off'] as const).map((value) => ({ value, label: t(`campaigns:alternate_numbers.${value}`) }))} />
                  </Form.Item>
                </div>
                {(['retries_first', 'require_consent', 'strict_time_zones'] as const).map((name) => (
                  <label key={name} className="cw-line cw-switch-line">
                    <Switch size="small" checked={settings[name] ?? false} onChange={(on) => set({ [name]: on })} aria-label={t(`dialing.${name}`)} /> {t(`dialing.${name}`)}
                  </label>
                ))}
                <p className="cw-caption">{t('dialing.rules')}</p>
              </>
            ),
          }]}
        />
      </Form>
      <ForecastAside wizard={wizard} />
    </div>
  )
}
