/** Step 4: who hears, thinks and speaks. Without any, the voice and recogniser that the server brings along serve. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Form, Input, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { api, read, type Schema } from '@/api/client'
import { providersQuery } from '@/api/organisation'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { CircleCheck, CircleX } from '@/ui/icons'

/** The protocols that a first assistant can be given, by what they do. */
const KINDS: { stage: 'llm' | 'stt' | 'tts' | 's2s'; kinds: [Schema['Kind'], string][] }[] = [
  { stage: 'llm', kinds: [['openai_chat', 'OpenAI']] },
  { stage: 'stt', kinds: [['deepgram_listen', 'Deepgram'], ['deepgram_flux', 'Deepgram Flux'], ['assemblyai', 'AssemblyAI'], ['elevenlabs_scribe', 'ElevenLabs Scribe'], ['openai_transcription', 'OpenAI']] },
  { stage: 'tts', kinds: [['elevenlabs_speak', 'ElevenLabs'], ['cartesia', 'Cartesia'], ['deepgram_speak', 'Deepgram'], ['deepgram_flux_speak', 'Deepgram Flux'], ['openai_speech', 'OpenAI']] },
  { stage: 's2s', kinds: [['openai_realtime', 'OpenAI Realtime']] },
]

export default function ProviderStep({ next }: { next: () => void }) {
  const { t } = useTranslation('entrance')
  const client = useQueryClient()
  const [form] = Form.useForm<Schema['ProviderInput']>()
  const errors = useFormErrors(form)
  const providers = useQuery(providersQuery)
  const add = useMutation({
    async mutationFn(body: Schema['ProviderInput']) {
      const made = await read(api.POST('/api/v1/providers', { body: { ...body, base_url: body.base_url || null } }))
      await client.invalidateQueries({ queryKey: providersQuery.queryKey })
      return read(api.POST('/api/v1/providers/{id}/test', { params: { path: { id: made.id } } }))
    },
    onSuccess() {
      form.resetFields()
      errors.clear()
    },
    onError: errors.take,
  })
  const own = providers.data?.items.filter((provider) => provider.source === 'api') ?? []
  const required = { required: true, message: t('common:form.required') }

  return (
    <>
      <p className="cw-soft">{t('setup.providers_text')}</p>
      <Alert type="info" showIcon title={t('setup.demo_voice')} description={t('setup.demo_voice_text')} />
      {own.length > 0 && <p>{t('setup.providers_there', { names: own.map((provider) => provider.name).join(', ') })}</p>}
      {add.data && (
        <Alert
          type={add.data.ok ? 'success' : 'error'}
          showIcon
          icon={add.data.ok ? <CircleCheck size={16} /> : <CircleX size={16} />}
          title={add.data.ok ? t('setup.test_ok', { ms: add.data.took_ms }) : t(`setup.test_step.${add.data.step ?? 'local'}`)}
          description={add.data.ok ? undefined : [add.data.detail, add.data.remedy].filter(Boolean).join(' ')}
        />
      )}
      <FormErrors errors={errors} />
      <Form<Schema['ProviderInput']> form={form} layout="vertical" requiredMark={false} onFinish={(body) => add.mutate(body)}>
        <div className="cw-fields">
          <Form.Item name="kind" label={t('setup.kind')} rules={[required]}>
            <Select
              options={KINDS.map(({ stage, kinds }) => ({ label: t(`setup.stage.${stage}`), title: stage, options: kinds.map(([value, label]) => ({ value, label })) }))}
              onChange={(kind: string) => !form.getFieldValue('name') && form.setFieldValue('name', kind.replaceAll('_', '-'))}
            />
          </Form.Item>
          <Form.Item name="name" label={t('field.name')} rules={[required]}>
            <Input spellCheck={false} />
          </Form.Item>
        </div>
        <div className="cw-fields">
          <Form.Item name="key" label={t('setup.key')} extra={t('setup.key_hint')}>
            <Input.Password autoComplete="off" />
          </Form.Item>
          <Form.Item name="base_url" label={t('setup.base_url')} extra={t('setup.base_url_hint')}>
            <Input spellCheck={false} type="url" />
          </Form.Item>
        </div>
        <div className="cw-form-foot">
          <Button htmlType="submit" loading={add.isPending}>{t('setup.add_and_test')}</Button>
          <Button type="primary" onClick={next}>{own.length > 0 ? t('common:action.next') : t('setup.with_demo_voice')}</Button>
        </div>
      </Form>
    </>
  )
}
