/** Steps 1 and 2: they are sent together, since there is no organisation without an admin. */
import { useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Form, Input, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { asProblem } from '@/api/problem'
import { setUp, type SetupInput } from '@/api/session'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { PasswordFields } from '../PasswordFields'

interface Props {
  step: 'organisation' | 'admin'
  go: (step: 'organisation' | 'admin') => void
  done: () => void
}

const FIRST = [['code'], ['organisation', 'name'], ['organisation', 'company_name'], ['organisation', 'time_zone'], ['organisation', 'language']]

export default function FoundStep({ step, go, done }: Props) {
  const { t, i18n } = useTranslation('entrance')
  const client = useQueryClient()
  const [form] = Form.useForm<SetupInput>()
  const errors = useFormErrors(form)
  const [busy, setBusy] = useState(false)
  const [wrongCode, setWrongCode] = useState(false)

  const found = async () => {
    setBusy(true)
    setWrongCode(false)
    try {
      const { code, organisation, admin } = form.getFieldsValue(true) as SetupInput
      await setUp(client, { code: code.trim(), organisation, admin: { name: admin.name, email: admin.email, password: admin.password } })
      done()
    } catch (error) {
      const problem = asProblem(error)
      if (problem.code === 'wrong_code') {
        setWrongCode(true)
        go('organisation')
      } else {
        if (problem.errors.some((fault) => !fault.pointer.startsWith('/admin'))) go('organisation')
        errors.take(error)
      }
    } finally {
      setBusy(false)
    }
  }
  const forward = () => form.validateFields(FIRST).then(() => go('admin'), () => {})
  const required = { required: true, message: t('common:form.required') }

  return (
    <>
      {wrongCode && <Alert type="error" showIcon title={t('setup.wrong_code')} role="alert" />}
      <FormErrors errors={errors} />
      <Form<SetupInput>
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ organisation: { time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone, language: i18n.language } }}
        onFinish={() => void (step === 'organisation' ? forward() : found())}
      >
        <div hidden={step !== 'organisation'}>
          <Form.Item name="code" label={t('setup.code')} extra={t('setup.code_hint')} rules={[required]}>
            <Input autoComplete="one-time-code" spellCheck={false} autoFocus />
          </Form.Item>
          <Form.Item name={['organisation', 'name']} label={t('setup.organisation')} rules={[required]}>
            <Input autoComplete="organization" maxLength={200} />
          </Form.Item>
          <Form.Item name={['organisation', 'company_name']} label={t('setup.company')} extra={t('setup.company_hint')} rules={[required]}>
            <Input maxLength={200} />
          </Form.Item>
          <div className="cw-fields">
            <Form.Item name={['organisation', 'time_zone']} label={t('setup.zone')} rules={[required]}>
              <Select showSearch options={Intl.supportedValuesOf('timeZone').map((value) => ({ value, label: value.replaceAll('_', ' ') }))} />
            </Form.Item>
            <Form.Item name={['organisation', 'language']} label={t('setup.language')} rules={[required]}>
              <Select options={[{ value: 'en', label: 'English' }, { value: 'de', label: 'Deutsch' }]} />
            </Form.Item>
          </div>
        </div>
        <div hidden={step !== 'admin'}>
          {step === 'admin' && (
            <>
              <Form.Item name={['admin', 'name']} label={t('field.name')} rules={[required]}>
                <Input autoComplete="name" autoFocus maxLength={200} />
              </Form.Item>
              <Form.Item name={['admin', 'email']} label={t('field.email')} rules={[required, { type: 'email', message: t('common:form.email') }]}>
                <Input type="email" autoComplete="username" />
              </Form.Item>
              <PasswordFields within={['admin']} />
            </>
          )}
        </div>
        <div className="cw-form-foot">
          {step === 'admin' && <Button onClick={() => go('organisation')}>{t('common:action.back')}</Button>}
          <Button type="primary" htmlType="submit" loading={busy}>{step === 'admin' ? t('setup.found') : t('common:action.next')}</Button>
        </div>
      </Form>
    </>
  )
}
