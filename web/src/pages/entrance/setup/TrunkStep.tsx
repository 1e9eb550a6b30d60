/** Step 3: the way into the telephone network. Everything else of a trunk is set on its own page. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Form, Input, Select, Switch } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, read, type Schema } from '@/api/client'
import { trunksQuery } from '@/api/organisation'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'

export default function TrunkStep({ next }: { next: () => void }) {
  const { t } = useTranslation('entrance')
  const client = useQueryClient()
  const [form] = Form.useForm<Schema['TrunkInput']>()
  const errors = useFormErrors(form, (name) => (name[0] === 'caller_ids' ? ['caller_ids'] : name))
  const [busy, setBusy] = useState(false)
  const trunks = useQuery(trunksQuery)
  const presets = useQuery({ queryKey: ['trunk_presets'], queryFn: () => read(api.GET('/api/v1/trunk_presets')), staleTime: Infinity })
  const chosen = Form.useWatch('preset', form)
  const preset = presets.data?.items.find((one) => one.id === chosen)
  const required = { required: true, message: t('common:form.required') }

  const save = async (body: Schema['TrunkInput']) => {
    setBusy(true)
    try {
      await api.POST('/api/v1/trunks', { body: { ...body, preset: body.preset || null, host: body.host || null, username: body.username || null, password: body.password || null } })
      await client.invalidateQueries({ queryKey: trunksQuery.queryKey })
      next()
    } catch (error) {
      errors.take(error)
    } finally {
      setBusy(false)
    }
  }

  return (
    <>
      <p className="cw-soft">{t('setup.trunk_text')}</p>
      {trunks.data !== undefined && trunks.data.items.length > 0 && <Alert type="success" showIcon title={t('setup.trunk_there', { names: trunks.data.items.map((trunk) => trunk.name).join(', ') })} />}
      <FormErrors errors={errors} />
      <Form<Schema['TrunkInput']> form={form} layout="vertical" requiredMark={false} initialValues={{ register: true, caller_ids: [] }} onFinish={(body) => void save(body)}>
        <div className="cw-fields">
          <Form.Item name="preset" label={t('setup.preset')} extra={preset?.notes[0]}>
            <Select allowClear showSearch={{ optionFilterProp: 'label' }} placeholder={t('setup.preset_none')} options={presets.data?.items.map((one) => ({ value: one.id, label: one.name }))} />
          </Form.Item>
          <Form.Item name="name" label={t('setup.trunk_name')} rules={[required]}>
            <Input maxLength={200} />
          </Form.Item>
        </div>
        <Form.Item name="host" label={t('setup.host')} extra={preset?.host_hint} rules={preset?.host ? [] : [required]}>
          <Input placeholder={preset?.host ?? 'sip.example.com'} spellCheck={false} />
        </Form.Item>
        <div className="cw-fields">
          <Form.Item name="username" label={t('setup.username')}>
            <Input autoComplete="off" spellCheck={false} />
          </Form.Item>
          <Form.Item name="password" label={t('field.password')}>
            <Input.Password autoComplete="new-password" />
          </Form.Item>
        </div>
        <Form.Item name="caller_ids" label={t('setup.caller_ids')} extra={t('setup.caller_ids_hint')} rules={[{ ...required, type: 'array', min: 1 }]}>
          <Select mode="tags" open={false} suffixIcon={null} tokenSeparators={[',', ' ', ';']} placeholder="+49 30 5557 0142" />
        </Form.Item>
        <Form.Item name="register" label={t('setup.register')} extra={t('setup.register_hint')} valuePropName="checked" layout="horizontal">
          <Switch />
        </Form.Item>
        <div className="cw-form-foot">
          <Button onClick={next}>{t('common:action.skip')}</Button>
          <Button type="primary" htmlType="submit" loading={busy}>{t('setup.trunk_save')}</Button>
        </div>
      </Form>
    </>
  )
}
