import { useQueryClient } from '@tanstack/react-query'
import { App, Form, Input, Modal } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { saveUser, useSession } from '@/api/session'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { closeOverlay } from './overlays'

interface Fields {
  name: string
  password?: { old?: string; new?: string }
}

/** One's own name and password. */
export default function Profile() {
  const { t, i18n } = useTranslation()
  const { message } = App.useApp()
  const client = useQueryClient()
  const session = useSession()
  const [form] = Form.useForm<Fields>()
  const [saving, setSaving] = useState(false)
  const errors = useFormErrors(form)
  const changing = Form.useWatch(['password', 'new'], form)

  const save = async ({ name, password }: Fields) => {
    setSaving(true)
    try {
      const change = password?.old && password.new ? { password: { old: password.old, new: password.new } } : {}
      await saveUser(client, { name, language: i18n.language, ...change })
      message.success(t('profile.saved'))
      closeOverlay()
    } catch (error) {
      errors.take(error)
    } finally {
      setSaving(false)
    }
  }

  return (
    <Modal open title={t('profile.title')} okText={t('action.save')} onOk={form.submit} confirmLoading={saving} onCancel={closeOverlay} width={440}>
      <FormErrors errors={errors} />
      <Form form={form} layout="vertical" initialValues={{ name: session?.user.name }} onFinish={(fields) => void save(fields)} requiredMark={false}>
        <Form.Item name="name" label={t('profile.name')} rules={[{ required: true, whitespace: true, message: t('form.required') }]}>
          <Input autoComplete="name" maxLength={200} />
        </Form.Item>
        <Form.Item name={['password', 'new']} label={t('profile.new_password')} extra={t('profile.password_hint')} rules={[{ min: 10, message: t('form.password_short') }]}>
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        <Form.Item name={['password', 'old']} label={t('profile.old_password')} rules={[{ required: Boolean(changing), message: t('form.required') }]}>
          <Input.Password autoComplete="current-password" />
        </Form.Item>
      </Form>
    </Modal>
  )
}
