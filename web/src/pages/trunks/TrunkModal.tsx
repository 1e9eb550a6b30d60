/** A trunk to make or to change: everything that can be set of one, in sections. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Alert, Collapse, Form, Input, InputNumber, Modal, Select, Switch } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, read, type Schema } from '@/api/client'
import { assistantsQuery, trunksQuery, type Trunk } from '@/api/organisation'
import { asProblem } from '@/api/problem'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { useConfirm } from '@/ui/useConfirm'
import { inputOf, tidied, type TrunkInput } from './input'

const CODECS: Schema['TrunkCodec'][] = ['pcmu', 'pcma', 'g722', 'opus', 'l16_8k', 'l16_16k']
const words = <T extends string>(values: readonly T[], label: (value: T) => string) => values.map((value) => ({ value, label: label(value) }))

export default function TrunkModal({ trunk, close }: { trunk?: Trunk; close: () => void }) {
  const { t } = useTranslation('trunks')
  const [form] = Form.useForm<TrunkInput>()
  const errors = useFormErrors(form, (name) => (name[0] === 'caller_ids' ? ['caller_ids'] : name))
  const client = useQueryClient()
  const navigate = useNavigate()
  const confirm = useConfirm()
  const presets = useQuery({ queryKey: ['trunk_presets'], queryFn: () => read(api.GET('/api/v1/trunk_presets')), staleTime: Infinity, enabled: trunk === undefined })
  const assistants = useQuery(assistantsQuery)
  const [busy, setBusy] = useState(false)
  const [conflict, setConflict] = useState(false)
  const chosen = Form.useWatch('preset', form)
  const preset = presets.data?.items.find((one) => one.id === chosen)
  const required = { required: true, message: t('common:form.required') }

  const save = async (fields: TrunkInput) => {
    setBusy(true)
    setConflict(false)
    try {
      if (trunk === undefined) {
        const made = await read(api.POST('/api/v1/trunks', { body: tidied(fields) }))
        await client.invalidateQueries({ queryKey: trunksQuery.queryKey })
        return void navigate({ to: `/trunks/${made.id}` })
      }
      const path = { id: trunk.id }
      const { data, response } = await api.GET('/api/v1/trunks/{id}', { params: { path } })
      if (data!.version !== trunk.version) return setConflict(true)
      await api.PUT('/api/v1/trunks/{id}', { params: { path, header: { 'If-Match': response.headers.get('ETag') ?? '*' } }, body: tidied({ ...inputOf(trunk), ...fields }) })
      await client.invalidateQueries({ queryKey: ['trunks'] })
      close()
    } catch (error) {
      if (asProblem(error).status === 412) setConflict(true)
      else errors.take(error)
    } finally {
      setBusy(false)
    }
  }
  const leave = async () => {
    if (!form.isFieldsTouched() || (await confirm({ title: t('common:form.leave'), text: t('common:form.leave_text'), ok: t('common:form.leave_ok'), danger: true }))) close()
  }
  const number = (name: keyof TrunkInput & string, min: number, max: number, extra = t('between', { min, max })) => (
    <Form.Item name={name} label={t(`field.${name}`)} extra={extra}><InputNumber min={min} max={max} precision={0} style={{ width: '100%' }} /></Form.Item>
  )
  const flag = (name: keyof TrunkInput & string) => <Form.Item name={name} label={t(`field.${name}`)} extra={t(`hint.${name}`)} valuePropName="checked"><Switch /></Form.Item>

  return (
    <Modal open title={trunk ? t('edit', { name: trunk.name }) : t('create')} okText={trunk ? t('common:action.save') : t('common:action.create')} onOk={form.submit} confirmLoading={busy} onCancel={() => void leave()} mask={{ closable: false }} width={680}>
      {trunk && <p className="cw-soft">{t('edit_note')}</p>}
      {conflict && <Alert type="warning" showIcon className="cw-problem" title={t('conflict')} />}
      <FormErrors errors={errors} />
      <Form<TrunkInput> form={form} layout="vertical" requiredMark={false} initialValues={trunk ? inputOf(trunk) : { register: true, enabled: true, caller_ids: [] }} onFinish={(fields) => void save(fields)} scrollToFirstError>
        {!trunk && <Form.Item name="preset" label={t('field.preset')} extra={preset?.notes[0]}><Select allowClear showSearch={{ optionFilterProp: 'label' }} placeholder={t('preset_none')} options={presets.data?.items.map((one) => ({ value: one.id, label: one.name }))} /></Form.Item>}
        <div className="cw-fields">
          <Form.Item name="name" label={t('field.name')} rules={[required]}><Input maxLength={100} /></Form.Item>
          <Form.Item name="host" label={t('field.host')} extra={preset?.host_hint ?? t('hint.host')} rules={preset?.host ? [] : [required]}><Input spellCheck={false} placeholder={preset?.host ?? 'sip.example.com'} /></Form.Item>
          <Form.Item name="username" label={t('field.username')}><Input autoComplete="off" spellCheck={false} /></Form.Item>
          <Form.Item name="password" label={t('field.password')} extra={trunk?.has_password ? t('hint.password_kept') : undefined}><Input.Password autoComplete="new-password" /></Form.Item>
        </div>
        <Form.Item name="caller_ids" label={t('field.caller_ids')} extra={t('hint.caller_ids')} rules={[{ ...required, type: 'array', min: 1 }]}><Select mode="tags" open={false} suffixIcon={null} maxCount={100} tokenSeparators={[',', ' ', ';']} /></Form.Item>
        <div className="cw-fields">{flag('register')}{flag('enabled')}</div>
        <Collapse
          ghost
          items={[
            { key: 'limits', forceRender: true, label: t('section.limits'), children: <div className="cw-fields">{number('max_channels', 1, 100_000)}{number('calls_per_minute', 1, 60_000)}{number('caller_id_max_calls', 1, 100_000, t('hint.unlimited'))}{number('caller_id_calls_per_minute', 1, 60_000, t('hint.unlimited'))}</div> },
            {
              key: 'way', forceRender: true, label: t('section.way'),
              children: (
                <div className="cw-fields">
                  <Form.Item name="transport" label={t('field.transport')}><Select options={words(['udp', 'tcp', 'tls', 'auto'], (value) => t(`transport.${value}`))} /></Form.Item>
                  {number('port', 1, 65_535, t('hint.port'))}{number('options_s', 0, 3600, t('hint.options_s'))}{number('redirects', 0, 4)}
                  <Form.Item name="external_signalling" label={t('field.external_signalling')} extra={t('hint.external')}><Input spellCheck={false} /></Form.Item>
                  <Form.Item name="external_media" label={t('field.external_media')} extra={t('hint.external')}><Input spellCheck={false} /></Form.Item>
                  {flag('large_over_tcp')}{flag('replaces')}
                </div>
              ),
            },
            {
              key: 'audio', forceRender: true, label: t('section.audio'),
              children: (
                <div className="cw-fields">
                  <Form.Item name="codecs" label={t('field.codecs')} extra={t('hint.codecs')}><Select mode="multiple" options={words(CODECS, (value) => value.toUpperCase().replace('_', ' '))} /></Form.Item>
                  <Form.Item name="srtp" label={t('field.srtp')}><Select options={words(['off', 'offered', 'required'] as const, (value) => t(`srtp.${value}`))} /></Form.Item>
                  <Form.Item name="dtmf" label={t('field.dtmf')}><Select options={words(['auto', 'rfc4733', 'info', 'inband'] as const, (value) => t(`dtmf.${value}`))} /></Form.Item>
                </div>
              ),
            },
            {
              key: 'inbound', forceRender: true, label: t('section.inbound'),
              children: (
                <>
                  <div className="cw-fields">
                    <Form.Item name="inbound_assistant_id" label={t('field.inbound_assistant_id')} extra={t('hint.inbound_assistant_id')}><Select allowClear showSearch={{ optionFilterProp: 'label' }} options={assistants.data?.items.map((one) => ({ value: one.id, label: one.definition.name }))} /></Form.Item>
                    {number('inbound_reserve', 0, 100_000, t('hint.inbound_reserve'))}
                    <Form.Item name="inbound_sources" label={t('field.inbound_sources')} extra={t('hint.inbound_sources')}><Select mode="tags" open={false} suffixIcon={null} maxCount={64} tokenSeparators={[',', ' ']} /></Form.Item>
                    <Form.Item name="identity_policy" label={t('field.identity_policy')}><Select options={words(['off', 'record', 'require'] as const, (value) => t(`identity.${value}`))} /></Form.Item>
                    <Form.Item name="attestation" label={t('field.attestation')}><Select options={words(['none', 'A', 'B', 'C'] as const, (value) => t(`attestation.${value}`))} /></Form.Item>
                  </div>
                </>
              ),
            },
          ]}
        />
      </Form>
    </Modal>
  )
}
