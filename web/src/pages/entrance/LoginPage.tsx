import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Alert, Button, Checkbox, Form, Input } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { asProblem, type Problem } from '@/api/problem'
import { signIn } from '@/api/session'
import { useSearch } from '@/app/search-params'
import { duration } from '@/ui/format'
import { ProblemAlert } from '@/ui/Problem'
import { useNow } from '@/ui/values'
import { Entrance } from './Entrance'
import { useArrival } from './arrival'

interface Fields {
  email: string
  password: string
  remember: boolean
}

export default function LoginPage() {
  const { t } = useTranslation('entrance')
  const client = useQueryClient()
  const navigate = useNavigate()
  const arrive = useArrival()
  const [search] = useSearch()
  const [problem, setProblem] = useState<Problem>()
  const [busy, setBusy] = useState(false)
  const [lockedUntil, setLockedUntil] = useState(0)
  const now = useNow(lockedUntil > 0)
  const locked = lockedUntil > now

  const enter = async (fields: Fields) => {
    setBusy(true)
    setProblem(undefined)
    try {
      await arrive(await signIn(client, fields))
      void navigate({ to: inside(search.next), replace: true })
    } catch (error) {
      const refused = asProblem(error)
      setProblem(refused)
      if (refused.status === 429) setLockedUntil(Date.now() + (refused.retryAfter ?? 60) * 1000)
    } finally {
      setBusy(false)
    }
  }

  return (
    <Entrance title={t('login.title')}>
      {locked && <Alert type="warning" showIcon title={t('login.locked', { left: duration(lockedUntil - now + 999) })} />}
      {!locked && problem?.code === 'wrong_credentials' && <Alert type="error" showIcon title={t('login.wrong')} role="alert" />}
      {!locked && problem !== undefined && problem.status !== 429 && problem.code !== 'wrong_credentials' && <ProblemAlert error={problem} />}
      <Form<Fields> layout="vertical" requiredMark={false} initialValues={{ remember: false }} onFinish={(fields) => void enter(fields)}>
        <Form.Item name="email" label={t('field.email')} rules={[{ required: true, message: t('common:form.required') }]}>
          <Input type="email" autoComplete="username" autoFocus size="large" />
        </Form.Item>
        <Form.Item name="password" label={t('field.password')} rules={[{ required: true, message: t('common:form.required') }]}>
          <Input.Password autoComplete="current-password" size="large" />
        </Form.Item>
        <Form.Item name="remember" valuePropName="checked">
          <Checkbox>{t('login.remember')}</Checkbox>
        </Form.Item>
        <Button type="primary" htmlType="submit" size="large" block loading={busy} disabled={locked}>{t('login.submit')}</Button>
      </Form>
      <p className="cw-caption">{t('login.forgot')}</p>
    </Entrance>
  )
}

/** Only a place inside the console: an address of elsewhere in the link must not lead away. */
function inside(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])/.test(next) ? next : '/'
}
