/** Name of a list, whether it is called for somebody else, and what it puts in the place of two variables. */
import { useQueryClient } from '@tanstack/react-query'
import { Form, Input, Modal, Segmented, Switch } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { send } from '@/api/client'
import type { ListInput, PeopleList } from '@/api/people'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'

interface Fields extends ListInput {
  kind: 'contacts' | 'cases'
}

export default function ListForm({ list, close, onSaved }: { list?: PeopleList; close: () => void; onSaved?: (id: string) => void }) {
  const { t } = useTranslation('people')
  const client = useQueryClient()
  const [form] = Form.useForm<Fields>()
  const errors = useFormErrors(form)
  const [busy, setBusy] = useState(false)
  const save = async ({ kind, ...fields }: Fields) => {
    setBusy(true)
    const body = { ...fields, company_name: fields.company_name?.trim() || null, case_type: fields.case_type?.trim() || null }
    try {
      const id = list ? (await send<PeopleList>('PUT', `/api/v1/lists/${list.id}`, body)).id : (await send<{ list: PeopleList }>('POST', '/api/v1/lists', { ...body, kind })).list.id
      await client.invalidateQueries({ queryKey: ['lists'] })
      close()
      onSaved?.(id)
    } catch (error) {
      errors.take(error)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Modal open title={list ? t('lists.edit') : t('lists.create')} okText={t(list ? 'common:action.save' : 'common:action.create')} onOk={form.submit} confirmLoading={busy} onCancel={close} width={520} mask={{ closable: false }}>
      <FormErrors errors={errors} />
      <Form<Fields> form={form} layout="vertical" requiredMark={false} initialValues={list ?? { name: '', kind: 'contacts', obo: false }} onFinish={(fields) => void save(fields)}>
        <Form.Item name="name" label={t('field.name')} rules={[{ required: true, whitespace: true, message: t('common:form.required') }]}><Input autoFocus maxLength={100} /></Form.Item>
        <Form.Item name="kind" label={t('lists.kind')} hidden={list !== undefined}><Segmented options={(['contacts', 'cases'] as const).map((value) => ({ value, label: t(`lists.of.${value}`) }))} /></Form.Item>
        <Form.Item name="obo" label={t('lists.obo')} valuePropName="checked" extra={t('lists.obo_hint')}><Switch /></Form.Item>
        <Form.Item name="company_name" label={t('lists.company_name')} extra={t('lists.blank')}><Input maxLength={200} /></Form.Item>
        <Form.Item name="case_type" label={t('lists.case_type')} extra={t('lists.blank')}><Input maxLength={200} /></Form.Item>
      </Form>
    </Modal>
  )
}
