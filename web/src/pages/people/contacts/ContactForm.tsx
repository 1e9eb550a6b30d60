/** A contact to write or to change. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Button, Form, Input, Modal, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { send } from '@/api/client'
import { tagsQuery, type Contact } from '@/api/people'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { IconButton } from '@/ui/IconButton'
import { Plus, Trash2 } from '@/ui/icons'
import { useConfirm } from '@/ui/useConfirm'
import { ZoneSelect } from '@/ui/ZoneSelect'
import { bodyOf, fieldsOf, type Fields } from './fields'

interface Props {
  contact?: Contact
  close: () => void
  onSaved?: (contact: Contact) => void
}

export default function ContactForm({ contact, close, onSaved }: Props) {
  const { t } = useTranslation('people')
  const client = useQueryClient()
  const confirm = useConfirm()
  const [form] = Form.useForm<Fields>()
  const errors = useFormErrors(form)
  const [busy, setBusy] = useState(false)
  const tags = useQuery(tagsQuery)
  const rich = tags.data !== undefined

  const save = async (fields: Fields) => {
    setBusy(true)
    try {
      const body = bodyOf(fields, contact, rich)
      const saved = contact ? await send<Contact>('PUT', `/api/v1/contacts/${contact.id}`, body) : await send<Contact>('POST', '/api/v1/contacts', body)
      await client.invalidateQueries({ queryKey: ['contacts'] })
      close()
      onSaved?.(saved)
    } catch (error) {
      errors.take(error)
    } finally {
      setBusy(false)
    }
  }
  const leave = async () => {
    if (!form.isFieldsTouched() || (await confirm({ title: t('common:form.leave'), text: t('common:form.leave_text'), ok: t('common:form.leave_ok'), danger: true }))) close()
  }

  return (
    <Modal open width={640} title={contact ? t('contacts.edit') : t('contacts.new')} okText={t(contact ? 'common:action.save' : 'common:action.create')} onOk={form.submit} confirmLoading={busy} onCancel={() => void leave()} mask={{ closable: false }}>
      <FormErrors errors={errors} />
      <Form<Fields> form={form} layout="vertical" requiredMark={false} initialValues={fieldsOf(contact)} onFinish={(fields) => void save(fields)}>
        <Form.Item name="name" label={t('field.name')}><Input autoFocus maxLength={200} /></Form.Item>
        <Form.List name="phones">
          {(rows, { add, remove }) => (
            <fieldset className="cw-rows">
              <legend>{t('contacts.numbers')}</legend>
              {rows.map(({ key, name }) => (
                <div key={key} className="cw-row-fields">
                  <Form.Item name={[name, 'number']} rules={[{ required: true, message: t('common:form.required') }]}><Input type="tel" aria-label={t('contacts.number_no', { no: name + 1 })} placeholder="+49 30 5550 0121" /></Form.Item>
                  <Form.Item name={[name, 'label']}><Input aria-label={t('contacts.label_no', { no: name + 1 })} placeholder={t('contacts.label')} maxLength={50} /></Form.Item>
                  <IconButton icon={Trash2} label={t('contacts.remove_number', { no: name + 1 })} onClick={() => remove(name)} />
                </div>
              ))}
              {rows.length < 5 && <Button size="small" icon={<Plus size={14} />} onClick={() => add({ number: '', label: '' })}>{t('contacts.add_number')}</Button>}
            </fieldset>
          )}
        </Form.List>
        <div className="cw-fields">
          <Form.Item name="time_zone" label={t('field.time_zone')} extra={t('contacts.zone_hint')}><ZoneSelect allowClear placeholder={t('contacts.by_number')} /></Form.Item>
          {rich && <Form.Item name="external_id" label={t('field.external_id')}><Input maxLength={100} /></Form.Item>}
        </div>
        {rich && (
          <div className="cw-fields">
            <Form.Item name="email" label={t('field.email')} rules={[{ type: 'email', message: t('common:form.email') }]}><Input type="email" /></Form.Item>
            <Form.Item name="tags" label={t('field.tags')}><Select mode="tags" options={tags.data.items.map((tag) => ({ value: tag.name, label: tag.name }))} /></Form.Item>
          </div>
        )}
        <Form.List name="variables">
          {(rows, { add, remove }) => (
            <fieldset className="cw-rows">
              <legend>{t('field.variables')}</legend>
              {rows.map(({ key, name }) => (
                <div key={key} className="cw-row-fields">
                  <Form.Item name={[name, 'name']} rules={[{ required: true, whitespace: true, message: t('common:form.required') }]}><Input aria-label={t('contacts.variable_no', { no: name + 1 })} placeholder={t('contacts.variable')} maxLength={100} /></Form.Item>
                  <Form.Item name={[name, 'value']}><Input aria-label={t('contacts.value_no', { no: name + 1 })} placeholder={t('contacts.value')} maxLength={500} /></Form.Item>
                  <IconButton icon={Trash2} label={t('contacts.remove_variable', { no: name + 1 })} onClick={() => remove(name)} />
                </div>
              ))}
              <Button size="small" icon={<Plus size={14} />} onClick={() => add({ name: '', value: '' })}>{t('contacts.add_variable')}</Button>
            </fieldset>
          )}
        </Form.List>
      </Form>
    </Modal>
  )
}
