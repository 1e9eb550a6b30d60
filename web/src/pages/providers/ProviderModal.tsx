/** A provider to add or to change. Its key is written and never read back. */
import { useQueryClient } from '@tanstack/react-query'
import { Form, Input, InputNumber, Modal, Select, Switch } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Schema } from '@/api/client'
import { providersQuery } from '@/api/organisation'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import type { Provider } from './ListPage'

type Fields = Schema['ProviderInput']

const KINDS: Schema['Kind'][] = ['openai_chat', 'openai_embeddings', 'openai_realtime', 'openai_transcription', 'openai_speech', 'deepgram_listen', 'deepgram_flux', 'deepgram_speak', 'deepgram_flux_speak', 'assemblyai', 'elevenlabs_scribe', 'elevenlabs_speak', 'cartesia', 'media_streams']

export default function ProviderModal({ provider, close }: { provider?: Provider; close: () => void }) {
  const { t } = useTranslation('providers')
  const [form] = Form.useForm<Fields>()
  const errors = useFormErrors(form)
  const client = useQueryClient()
  const [busy, setBusy] = useState(false)
  const required = { required: true, message: t('common:form.required') }
  const initial = provider ? { name: provider.name, kind: provider.kind, base_url: provider.base_url ?? null, model: provider.model ?? null, capacity: provider.capacity, enabled: provider.enabled } : { capacity: 100, enabled: true }

  const save = async (fields: Fields) => {
    setBusy(true)
    const { key, ...rest } = fields
    const body = { ...rest, base_url: fields.base_url || null, model: fields.model || null, options: provider?.options ?? {}, ...(key ? { key } : {}) } as Fields
    try {
      if (provider === undefined) await api.POST('/api/v1/providers', { body })
      else await api.PUT('/api/v1/providers/{id}', { params: { path: { id: provider.id } }, body })
      await client.invalidateQueries({ queryKey: providersQuery.queryKey })
      close()
    } catch (error) {
      errors.take(error)
      setBusy(false)
    }
  }

  return (
    <Modal open title={provider ? provider.name : t('add')} okText={t('common:action.save')} onOk={form.submit} confirmLoading={busy} onCancel={close} mask={{ closable: false }} width={560}>
      <FormErrors errors={errors} />
      <Form<Fields> form={form} layout="vertical" requiredMark={false} initialValues={initial} onFinish={(fields) => void save(fields)}>
        <div className="cw-fields">
          <Form.Item name="kind" label={t('field.kind')} rules={[required]}><Select showSearch options={KINDS.map((value) => ({ value, label: value }))} /></Form.Item>
          <Form.Item name="name" label={t('field.name')} extra={t('hint.name')} rules={[required]}><Input maxLength={64} spellCheck={false} /></Form.Item>
          <Form.Item name="key" label={t('field.key')} extra={t(provider?.has_key ? 'hint.key_kept' : 'hint.key')}><Input.Password autoComplete="off" /></Form.Item>
          <Form.Item name="model" label={t('field.model')} extra={t('hint.model')}><Input maxLength={200} spellCheck={false} /></Form.Item>
          <Form.Item name="base_url" label={t('field.base_url')} extra={t('hint.base_url')}><Input maxLength={500} spellCheck={false} /></Form.Item>
          <Form.Item name="capacity" label={t('field.capacity')} rules={[required]}><InputNumber min={1} max={100_000} precision={0} style={{ width: '100%' }} /></Form.Item>
        </div>
        <Form.Item name="enabled" label={t('field.enabled')} valuePropName="checked"><Switch /></Form.Item>
      </Form>
    </Modal>
  )
}
