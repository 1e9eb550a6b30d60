import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { Button, Form, Input, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { asProblem } from '@/api/problem'
import { acceptInvitation, invitationQuery } from '@/api/session'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { ProblemAlert } from '@/ui/Problem'
import { Entrance } from './Entrance'
import { PasswordFields } from './PasswordFields'
import { useArrival } from './arrival'

interface Fields {
  name: string
  password: string
}

/** Whoever was invited sets name and password. */
export default function InvitePage() {
  const { t } = useTranslation('entrance')
  const { token = '' } = useParams({ strict: false }) as { token?: string }
  const invitation = useQuery(invitationQuery(token))
  const gone = invitation.error !== null && [404, 410].includes(asProblem(invitation.error).status)
  return (
    <Entrance title={invitation.data ? t('invite.title', { organisation: invitation.data.organisation }) : t('invite.title_none')}>
      {invitation.isPending && <Skeleton active title={false} />}
      {gone && <p>{t('invite.gone')} <Link to="/login">{t('invite.sign_in')}</Link></p>}
      {invitation.error !== null && !gone && <ProblemAlert error={invitation.error} retry={() => void invitation.refetch()} />}
      {invitation.data && <Accept token={token} email={invitation.data.email} name={invitation.data.name} />}
    </Entrance>
  )
}

function Accept({ token, email, name }: { token: string; email: string; name: string }) {
  const { t } = useTranslation('entrance')
  const client = useQueryClient()
  const navigate = useNavigate()
  const arrive = useArrival()
  const [form] = Form.useForm<Fields>()
  const errors = useFormErrors(form)
  const [busy, setBusy] = useState(false)

  const accept = async (fields: Fields) => {
    setBusy(true)
    try {
      await arrive(await acceptInvitation(client, token, { name: fields.name, password: fields.password }))
      void navigate({ to: '/', replace: true })
    } catch (error) {
      errors.take(error)
    } finally {
      setBusy(false)
    }
  }

  return (
    <>
      <p className="cw-soft">{t('invite.text', { email })}</p>
      <FormErrors errors={errors} />
      <Form<Fields> form={form} layout="vertical" requiredMark={false} initialValues={{ name }} onFinish={(fields) => void accept(fields)}>
        <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
        <Form.Item name="name" label={t('field.name')} rules={[{ required: true, whitespace: true, message: t('common:form.required') }]}>
          <Input autoComplete="name" size="large" autoFocus />
        </Form.Item>
        <PasswordFields />
        <Button type="primary" htmlType="submit" size="large" block loading={busy}>{t('invite.submit')}</Button>
      </Form>
    </>
  )
}
