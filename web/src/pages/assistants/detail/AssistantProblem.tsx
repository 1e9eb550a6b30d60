import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { asProblem } from '@/api/problem'
import { useCrumbs } from '@/app/crumbs'
import { ProblemAlert } from '@/ui/Problem'

export function AssistantProblem({ error, retry }: { error: unknown; retry: () => void }) {
  const { t } = useTranslation('assistants')
  const gone = [404, 422].includes(asProblem(error).status)
  useCrumbs({ label: t('common:nav.assistants'), to: '/assistants' }, { label: t(gone ? 'gone.title' : 'common:page.error') })
  if (!gone) return <ProblemAlert error={error} retry={retry} />
  return (
    <div className="cw-narrow">
      <h1>{t('gone.title')}</h1>
      <p>{t('gone.text')}</p>
      <p><Link to="/assistants">{t('gone.back')}</Link></p>
    </div>
  )
}
