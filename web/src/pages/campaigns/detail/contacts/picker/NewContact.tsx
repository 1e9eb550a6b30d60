import { Button, Form, Input } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, read, type Schema } from '@/api/client'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { Plus } from '@/ui/icons'

/** A row for somebody who is not known yet. */
export function NewContact({ onMade }: { onMade: (contact: Schema['ContactView']) => void }) {
  const { t } = useTranslation('campaigns')
  const [open, setOpen] = useState(false)
  const [busy, setBusy] = useState(false)
  const [form] = Form.useForm<{ name: string; phone: string; time_zone?: string }>()
  const errors = useFormErrors(form)
  if (!open) return <Button icon={<Plus size={15} />} onClick={() => setOpen(true)}>{t('picker.new')}</Button>

  const make = async (fields: { name: string; phone: string }) => {
    setBusy(true)
    try {
      onMade(await read(api.POST('/api/v1/contacts', { body: { name: fields.name, phone: fields.phone.replace(/[\s()/-]/g, '') } })))
      form.resetFields()
      errors.clear()
      setOpen(false)
    } catch (error) {
      errors.take(error)
    } finally {
      setBusy(false)
    }
  }
  return (
    <div className="cw-new-contact">
      <FormErrors errors={errors} />
      <Form form={form} layout="inline" requiredMark={false} onFinish={(fields) => void make(fields)}>
        <Form.Item name="name" label={t('field.name')}><Input autoFocus maxLength={200} style={{ width: 170 }} /></Form.Item>
        <Form.Item name="phone" label={t('field.phone')} rules={[{ required: true, message: t('common:form.required') }]}><Input type="tel" placeholder="+49 151 5550 0121" style={{ width: 170 }} /></Form.Item>
        <Button htmlType="submit" loading={busy}>{t('common:action.add')}</Button>
        <Button type="text" onClick={() => setOpen(false)}>{t('common:action.cancel')}</Button>
      </Form>
    </div>
  )
}
