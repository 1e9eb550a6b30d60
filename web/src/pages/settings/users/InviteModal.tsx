/** Somebody new. */
import { useQueryClient } from '@tanstack/react-query'
import { Form, Input, Modal, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Role } from '@/api/session'
import { addUser, ROLES } from '@/api/users'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'

interface Fields {
  email: string
  name: string
  role: Role
}

export default function InviteModal({ close, onMade }: { close: () => void; onMade: (user: Awaited<ReturnType<typeof addUser>>) => void }) {
  const { t } = useTranslation('settings')
  const client = useQueryClient()
  const [form] = Form.useForm<Fields>()
  const errors = useFormErrors(form)
  const [busy, setBusy] = useState(false)
  const role = Form.useWatch('role', form) ?? 'manager'
  const add = async (fields: Fields) => {
    setBusy(true)
    try {
      onMade(await addUser(fields))
    } catch (error) {
      errors.take(error)
    } finally {
      setBusy(false)
      await client.invalidateQueries({ queryKey: ['users'] })
    }
  }
  const required = { required: true, whitespace: true, message: t('common:form.required') }
  return (
    <Modal open title={t('users.invite')} okText={t('users.invite')} onOk={form.submit} confirmLoading={busy} onCancel={close} width={460} mask={{ closable: false }}>
      <FormErrors errors={errors} />
      <Form<Fields> form={form} layout="vertical" requiredMark={false} initialValues={{ role: 'manager' }} onFinish={(fields) => void add(fields)}>
        <Form.Item name="email" label={t('users.email')} rules={[required, { type: 'email', message: t('common:form.email') }]}><Input type="email" autoFocus autoComplete="off" /></Form.Item>
        <Form.Item name="name" label={t('users.name')} rules={[required]}><Input maxLength={200} autoComplete="off" /></Form.Item>
        <Form.Item name="role" label={t('users.role')} extra={t(`users.may.${role}`)}>
          <Select options={ROLES.map((value) => ({ value, label: t(`common:role.${value}`) }))} />
        </Form.Item>
      </Form>
    </Modal>
  )
}
