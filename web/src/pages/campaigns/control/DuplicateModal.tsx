import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Checkbox, Form, Input, Modal } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { api, read } from '@/api/client'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'

/** A new draft like this one; its history stays here. */
export default function DuplicateModal({ campaign, close }: { campaign: Campaign; close: () => void }) {
  const { t } = useTranslation('campaigns')
  const client = useQueryClient()
  const navigate = useNavigate()
  const [form] = Form.useForm<{ name: string; with_contacts: boolean }>()
  const errors = useFormErrors(form)
  const [busy, setBusy] = useState(false)

  const make = async (body: { name: string; with_contacts: boolean }) => {
    setBusy(true)
    try {
      const copy = await read(api.POST('/api/v1/campaigns/{id}/duplicate', { params: { path: { id: campaign.id } }, body }))
      await client.invalidateQueries({ queryKey: ['campaigns', 'list'] })
      close()
      void navigate({ to: `/campaigns/${copy.id}` })
    } catch (error) {
      errors.take(error)
    } finally {
      setBusy(false)
    }
  }

  return (
    <Modal open title={t('duplicate.title', { name: campaign.name })} okText={t('act.duplicate')} onOk={form.submit} confirmLoading={busy} onCancel={close}>
      <FormErrors errors={errors} />
      <Form form={form} layout="vertical" requiredMark={false} initialValues={{ name: t('duplicate.name', { name: campaign.name }), with_contacts: true }} onFinish={(body) => void make(body)}>
        <Form.Item name="name" label={t('field.name')} rules={[{ required: true, whitespace: true, message: t('common:form.required') }]}>
          <Input autoFocus maxLength={200} />
        </Form.Item>
        <Form.Item name="with_contacts" valuePropName="checked" extra={t('duplicate.contacts_hint')}>
          <Checkbox>{t('duplicate.contacts')}</Checkbox>
        </Form.Item>
      </Form>
    </Modal>
  )
}
