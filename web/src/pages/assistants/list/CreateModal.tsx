/** A new assistant: its name, its language, and what leads the talk. What it begins with can be talked to at once. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Alert, Form, Input, Modal, Radio, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, read } from '@/api/client'
import { assistantsQuery, providersQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { missing, starter, type Starter } from '../model/starters'
import { LANGUAGES, MODES, useLanguageName } from '../parts/words'

interface Values {
  name: string
  language: string
  mode: Starter
}

export default function CreateModal({ close }: { close: () => void }) {
  const { t, i18n } = useTranslation('assistants')
  const [form] = Form.useForm<Values>()
  const errors = useFormErrors(form)
  const [busy, setBusy] = useState(false)
  const client = useQueryClient()
  const navigate = useNavigate()
  const can = useCan()
  const language = useLanguageName()
  const providers = useQuery({ ...providersQuery, enabled: can('settings:read') })
  const mode = Form.useWatch('mode', form) ?? 'flow'
  const there = providers.data?.items ?? []
  const lacks = providers.data === undefined ? [] : missing(mode, there)

  const create = async (values: Values) => {
    setBusy(true)
    try {
      // The words of the beginning are in the assistant's language, not in the reader's.
      const spoken = i18n.getFixedT(values.language.startsWith('de') ? 'de' : 'en', 'assistants')
      await i18n.loadLanguages(values.language.startsWith('de') ? 'de' : 'en')
      const texts = { hello: spoken('starter.hello'), question: spoken('starter.question'), glad: spoken('starter.glad'), sorry: spoken('starter.sorry'), bye: spoken('starter.bye'), prompt: spoken('starter.prompt', { skipInterpolation: true }) }
      const made = await read(api.POST('/api/v1/assistants', { body: starter(values.mode, values.name, values.language, texts, there) }))
      await client.invalidateQueries({ queryKey: assistantsQuery.queryKey })
      void navigate({ to: `/assistants/${made.id}` })
    } catch (error) {
      errors.take(error)
      setBusy(false)
    }
  }

  return (
    <Modal open title={t('create.title')} okText={t('common:action.create')} onOk={form.submit} okButtonProps={{ disabled: lacks.length > 0 }} confirmLoading={busy} onCancel={close} width={560}>
      <FormErrors errors={errors} />
      <Form<Values> form={form} layout="vertical" requiredMark={false} initialValues={{ language: i18n.language === 'de' ? 'de' : 'en', mode: 'flow' }} onFinish={(values) => void create(values)}>
        <div className="cw-fields">
          <Form.Item name="name" label={t('field.name')} rules={[{ required: true, whitespace: true, message: t('common:form.required') }]}><Input maxLength={100} autoFocus /></Form.Item>
          <Form.Item name="language" label={t('field.language')}><Select options={LANGUAGES.map((value) => ({ value, label: language(value) }))} /></Form.Item>
        </div>
        <Form.Item name="mode" label={t('create.leads')}>
          <Radio.Group className="cw-radio-cards">
            {MODES.map((value) => <Radio key={value} value={value}><strong>{t(`mode.${value}`)}</strong><span className="cw-caption">{t(`mode_hint.${value}`)}</span></Radio>)}
          </Radio.Group>
        </Form.Item>
        {lacks.length > 0 && <Alert type="warning" showIcon title={t('create.lacks', { stages: lacks.map((stage) => t(`common:nav.providers`) + ': ' + t(`stage.${stage}`)).join(', ') })} />}
      </Form>
    </Modal>
  )
}
