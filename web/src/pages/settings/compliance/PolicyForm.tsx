/** The calling policy to change. */
import { useQueryClient } from '@tanstack/react-query'
import { App, Button, Checkbox, Form, InputNumber, Select, Switch } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '@/api/client'
import type { CallingPolicy } from '@/api/policy'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { clock, number } from '@/ui/format'
import { useLocale } from '@/ui/values'
import { ZoneSelect } from '@/ui/ZoneSelect'
import { useCountries } from './countries'
import { fieldsOf, policyOf, type Fields } from './policy'
import { QuietHours } from './QuietHours'

const PROFILES = ['eu', 'eu_codes', 'us'] as const
/** Half hours from 06:00 to 23:00. */
const HOURS = Array.from({ length: 35 }, (_, index) => ({ value: 360 + index * 30, label: clock(360 + index * 30) }))

export default function PolicyForm({ policy }: { policy: CallingPolicy }) {
  const { t } = useTranslation('settings')
  const { message } = App.useApp()
  const locale = useLocale()
  const can = useCan()
  const client = useQueryClient()
  const [form] = Form.useForm<Fields>()
  const errors = useFormErrors(form, (name) => (name[0] === 'frequency_cap' ? ['cap', ...name.slice(1)] : name[0] === 'caller_numbers' ? ['numbers', ...name.slice(1)] : name))
  const [busy, setBusy] = useState(false)
  const countries = useCountries()
  const writes = can('settings:write')
  const save = async (fields: Fields) => {
    setBusy(true)
    try {
      await api.PUT('/api/v1/calling-policy', { body: policyOf(fields, policy) })
      message.success(t('saved'))
      await client.invalidateQueries({ queryKey: ['policy', 'calling'] })
    } catch (error) {
      errors.take(error)
    } finally {
      setBusy(false)
    }
  }
  const required = { required: true, message: t('common:form.required') }
  return (
    <Form<Fields> form={form} layout="vertical" requiredMark={false} disabled={!writes} initialValues={fieldsOf(policy)} onFinish={(fields) => void save(fields)} className="cw-stack">
      <FormErrors errors={errors} />
      <Card title={t('policy.law')}>
        <Form.Item name="law" extra={t('policy.law_text')}><Checkbox.Group className="cw-checks-line" options={PROFILES.map((value) => ({ value, label: t(`profile.${value}`) }))} /></Form.Item>
      </Card>
      <Card title={t('policy.hours')}>
        <p className="cw-soft">{t('policy.hours_text')}</p>
        <div className="cw-line">
          <Form.Item name={['contact_hours', 'start_min']} label={t('policy.from')}><Select options={HOURS.slice(0, -1)} style={{ width: 110 }} /></Form.Item>
          <Form.Item name={['contact_hours', 'end_min']} label={t('policy.to')} dependencies={[['contact_hours', 'start_min']]} rules={[({ getFieldValue }) => ({ validator: (_, end: number) => (end > (getFieldValue(['contact_hours', 'start_min']) as number) ? Promise.resolve() : Promise.reject(new Error(t('policy.order')))) })]}>
            <Select options={HOURS.slice(1)} style={{ width: 110 }} />
          </Form.Item>
        </div>
        <QuietHours />
      </Card>
      <Card title={t('policy.reach')}>
        <Form.Item name="countries" label={t('policy.countries')} extra={t('policy.countries_text')}>
          <Select mode="multiple" showSearch={{ optionFilterProp: 'label' }} placeholder={t('policy.own_country')} options={countries} />
        </Form.Item>
        {policy.spend && <p className="cw-caption">{t('policy.spend', { cap: number(policy.spend.daily_cap / 1_000_000, locale, 2), count: policy.spend.rates.length })}</p>}
      </Card>
      <Card title={t('policy.caps')}>
        <Form.Item name="capped" valuePropName="checked" label={t('policy.capped')}><Switch size="small" /></Form.Item>
        <Form.Item noStyle dependencies={['capped']}>
          {() => form.getFieldValue('capped') && (
            <div className="cw-fields">
              <Form.Item name={['cap', 'dials']} label={t('policy.dials')} rules={[required]}><InputNumber min={1} max={100} precision={0} style={{ width: '100%' }} /></Form.Item>
              <Form.Item name={['cap', 'per_hours']} label={t('policy.per_hours')} rules={[required]}><InputNumber min={1} max={744} precision={0} style={{ width: '100%' }} /></Form.Item>
            </div>
          )}
        </Form.Item>
        <Form.Item name="rested" valuePropName="checked" label={t('policy.rested')}><Switch size="small" /></Form.Item>
        <Form.Item noStyle dependencies={['rested']}>
          {() => form.getFieldValue('rested') && (
            <div className="cw-fields">
              <Form.Item name={['numbers', 'daily_dials']} label={t('policy.daily_dials')} rules={[required]}><InputNumber min={1} max={10_000} precision={0} style={{ width: '100%' }} /></Form.Item>
              <Form.Item name={['numbers', 'time_zone']} label={t('policy.midnight')}><ZoneSelect /></Form.Item>
            </div>
          )}
        </Form.Item>
      </Card>
      {writes && <div className="cw-form-foot"><Button type="primary" htmlType="submit" loading={busy}>{t('common:action.save')}</Button></div>}
    </Form>
  )
}
