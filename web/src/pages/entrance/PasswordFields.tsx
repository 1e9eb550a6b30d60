import { Form, Input } from 'antd'
import { useTranslation } from 'react-i18next'

/** A new password, and the same once more. `within` is where in the form it lies. */
export function PasswordFields({ within = [] }: { within?: string[] }) {
  const { t } = useTranslation('entrance')
  const name = [...within, 'password']
  return (
    <>
      <Form.Item
        name={name}
        label={t('field.password')}
        extra={t('field.password_hint')}
        rules={[{ required: true, message: t('common:form.required') }, { min: 10, message: t('common:form.password_short') }]}
      >
        <Input.Password autoComplete="new-password" size="large" />
      </Form.Item>
      <Form.Item
        name={[...within, 'password_again']}
        label={t('field.password_again')}
        dependencies={[name]}
        rules={[
          { required: true, message: t('common:form.required') },
          (form) => ({ validator: (_, value) => (!value || value === form.getFieldValue(name) ? Promise.resolve() : Promise.reject(new Error(t('field.not_the_same')))) }),
        ]}
      >
        <Input.Password autoComplete="new-password" size="large" />
      </Form.Item>
    </>
  )
}
