/** The first run: organisation and admin, then what is needed until the first voice is heard. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { Button, Skeleton, Steps } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { setupQuery, useSession } from '@/api/session'
import { useSearch } from '@/app/search-params'
import { ProblemAlert } from '@/ui/Problem'
import { Entrance } from './Entrance'

const FoundStep = lazy(() => import('./setup/FoundStep'))
const ProviderStep = lazy(() => import('./setup/ProviderStep'))
const TalkStep = lazy(() => import('./setup/TalkStep'))
const TrunkStep = lazy(() => import('./setup/TrunkStep'))

const STEPS = ['organisation', 'admin', 'trunk', 'providers', 'call'] as const

export default function SetupPage() {
  const { t } = useTranslation('entrance')
  const [search, patch] = useSearch()
  const navigate = useNavigate()
  const session = useSession()
  const setup = useQuery({ ...setupQuery, enabled: session === null })
  const [founding, setFounding] = useState<'organisation' | 'admin'>('organisation')

  // Before there is a user only the first two steps exist, afterwards only the others.
  const wanted = STEPS.find((step) => step === search.step)
  const step = session === null ? founding : wanted === undefined || wanted === 'organisation' || wanted === 'admin' ? 'trunk' : wanted
  const at = STEPS.indexOf(step)
  const next = () => (step === 'call' ? void navigate({ to: '/' }) : patch({ step: STEPS[at + 1] }))

  return (
    <Entrance title={t('setup.title')} wide>
      <Steps
        size="small"
        current={at}
        responsive
        items={STEPS.map((name) => ({ title: t(`setup.step.${name}`) }))}
      />
      {session === null && setup.isPending && <Skeleton active title={false} />}
      {session === null && setup.error !== null && <ProblemAlert error={setup.error} retry={() => void setup.refetch()} />}
      {session === null && setup.data?.needed === false && <p>{t('setup.done')} <Link to="/login">{t('invite.sign_in')}</Link></p>}
      <Suspense fallback={<Skeleton active title={false} />}>
        {session === null && setup.data?.needed === true && <FoundStep step={founding} go={setFounding} done={() => patch({ step: 'trunk' }, { replace: true })} />}
        {session !== null && step === 'trunk' && <TrunkStep next={next} />}
        {session !== null && step === 'providers' && <ProviderStep next={next} />}
        {session !== null && step === 'call' && <TalkStep next={next} />}
      </Suspense>
      {session !== null && <Button type="link" onClick={() => void navigate({ to: '/' })}>{t('setup.leave')}</Button>}
    </Entrance>
  )
}
