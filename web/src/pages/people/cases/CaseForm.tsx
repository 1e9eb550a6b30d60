/** A case to write or to change. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { AutoComplete, Button, Form, Input, Modal, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { send } from '@/api/client'
import { caseLabelsQuery, contactsQuery, type Case, type CaseInput } from '@/api/people'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { IconButton } from '@/ui/IconButton'
import { Plus, Trash2 } from '@/ui/icons'
import { useDebounced } from '@/ui/useDelayed'

interface Fields {
  external_id?: string
  contact_id?: string
  case_type?: string
  case_status?: string
  details: { name: string; value?: string }[]
}

export default function CaseForm({ one, close, onSaved }: { one?: Case; close: () => void; onSaved?: (one: Case) => void }) {
  const { t } = useTranslation('people')
  const client = useQueryClient()
  const [form] = Form.useForm<Fields>()
  const errors = useFormErrors(form)
  const [busy, setBusy] = useState(false)
  const [search, setSearch] = useState('')
  const contacts = useQuery(contactsQuery({ search: useDebounced(search, 300) || undefined, limit: 20 }))
  const types = useQuery(caseLabelsQuery('types'))
  const statuses = useQuery(caseLabelsQuery('statuses'))
  const known = one?.contact ? [one.contact] : []
  const people = [...known, ...(contacts.data?.items ?? []).filter((contact) => contact.id !== one?.contact?.id)]

  const save = async (fields: Fields) => {
    setBusy(true)
    const body: CaseInput = {
      external_id: fields.external_id?.trim() || null,
      contact_id: fields.contact_id ?? null,
      case_type: fields.case_type?.trim() || null,
      case_status: fields.case_status?.trim() || null,
      details: Object.fromEntries(fields.details.map(({ name, value }) => [name.trim(), value ?? ''])),
    }
    try {
      const saved = one ? await send<Case>('PUT', `/api/v1/cases/${one.id}`, body) : await send<Case>('POST', '/api/v1/cases', body)
      await client.invalidateQueries({ queryKey: ['cases'] })
      close()
      onSaved?.(saved)
    } catch (error) {
      errors.take(error)
    } finally {
      setBusy(false)
    }
  }
  const initial: Fields = one
    ? { external_id: one.external_id ?? '', ...(one.contact ? { contact_id: one.contact.id } : {}), case_type: one.case_type?.name ?? '', case_status: one.case_status?.name ?? '', details: Object.entries(one.details).map(([name, value]) => ({ name, value })) }
    : { details: [] }
  const names = (items: { name: string }[] | undefined) => items?.map(({ name }) => ({ value: name })) ?? []

  return (
    <Modal open width={600} title={one ? t('cases.edit') : t('cases.new')} okText={t(one ? 'common:action.save' : 'common:action.create')} onOk={form.submit} confirmLoading={busy} onCancel={close} mask={{ closable: false }}>
      <FormErrors errors={errors} />
      <Form<Fields> form={form} layout="vertical" requiredMark={false} initialValues={initial} onFinish={(fields) => void save(fields)}>
        <Form.Item name="external_id" label={t('field.external_id')}><Input autoFocus maxLength={100} /></Form.Item>
        <Form.Item name="contact_id" label={t('cases.contact')}>
          <Select allowClear showSearch={{ filterOption: false, onSearch: setSearch }} options={people.map((contact) => ({ value: contact.id, label: [contact.name, contact.phone].filter(Boolean).join(' · ') || '—' }))} />
        </Form.Item>
        <div className="cw-fields">
          <Form.Item name="case_type" label={t('cases.type')} extra={t('cases.made')}><AutoComplete options={names(types.data?.items)} maxLength={60} /></Form.Item>
          <Form.Item name="case_status" label={t('cases.status')} extra={t('cases.made')}><AutoComplete options={names(statuses.data?.items)} maxLength={60} /></Form.Item>
        </div>
        <Form.List name="details">
          {(rows, { add, remove }) => (
            <fieldset className="cw-rows">
              <legend>{t('cases.details')}</legend>
              {rows.map(({ key, name }) => (
                <div key={key} className="cw-row-fields">
                  <Form.Item name={[name, 'name']} rules={[{ required: true, whitespace: true, message: t('common:form.required') }]}><Input aria-label={t('cases.detail_no', { no: name + 1 })} placeholder={t('contacts.variable')} maxLength={100} /></Form.Item>
                  <Form.Item name={[name, 'value']}><Input aria-label={t('contacts.value_no', { no: name + 1 })} placeholder={t('contacts.value')} maxLength={500} /></Form.Item>
                  <IconButton icon={Trash2} label={t('cases.remove_detail', { no: name + 1 })} onClick={() => remove(name)} />
                </div>
              ))}
              <Button size="small" icon={<Plus size={14} />} onClick={() => add({ name: '', value: '' })}>{t('cases.add_detail')}</Button>
            </fieldset>
          )}
        </Form.List>
      </Form>
    </Modal>
  )
}
