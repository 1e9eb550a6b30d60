/** A web page to look into. It is fetched at once, and again when somebody asks for it. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Form, Input, Modal } from 'antd'
import { useTranslation } from 'react-i18next'
import { knowledgeQuery } from '@/api/assistants'
import { api, read } from '@/api/client'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { useDraft } from '../parts/draft'

export default function FetchModal({ close, added }: { close: () => void; added: (id: string) => void }) {
  const { t } = useTranslation('assistants')
  const { definition } = useDraft()
  const client = useQueryClient()
  const [form] = Form.useForm<{ url: string; title?: string }>()
  const errors = useFormErrors(form)
  const fetched = useMutation({
    mutationFn: (values: { url: string; title?: string }) => read(api.POST('/api/v1/knowledge/fetch', { body: { url: values.url, title: values.title || null, language: definition.language ?? 'en' } })),
    async onSuccess(document) {
      added(document.id)
      await client.invalidateQueries({ queryKey: knowledgeQuery.queryKey })
      close()
    },
    onError: errors.take,
  })
  return (
    <Modal open title={t('knowledge.fetch')} okText={t('common:action.add')} onOk={form.submit} confirmLoading={fetched.isPending} onCancel={close}>
      <FormErrors errors={errors} />
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(values) => fetched.mutate(values)}>
        <Form.Item name="url" label={t('knowledge.url')} rules={[{ required: true, message: t('common:form.required') }]}><Input type="url" placeholder="https://" autoFocus /></Form.Item>
        <Form.Item name="title" label={t('knowledge.title')} extra={t('knowledge.title_hint')}><Input maxLength={200} /></Form.Item>
      </Form>
    </Modal>
  )
}
