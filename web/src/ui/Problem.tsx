/** What went wrong, and the way on. The rest of the page lives on. */
import { Alert, Button } from 'antd'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { asProblem, type Problem } from '@/api/problem'
import { RefreshCw } from './icons'

export function ProblemAlert({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const { t } = useTranslation()
  if (!error) return null
  const problem = asProblem(error)
  const words = wordsOf(problem, t)
  return (
    <Alert
      type="error"
      showIcon
      className="cw-problem"
      title={words.title}
      description={
        <>
          {words.detail && <div>{words.detail}</div>}
          {problem.errors.length > 0 && (
            <ul>
              {problem.errors.map((fault) => <li key={fault.pointer + fault.code}>{fault.reason}</li>)}
            </ul>
          )}
          {problem.requestId && <div className="cw-caption">{t('problem.request', { id: problem.requestId })}</div>}
        </>
      }
      action={retry && <Button size="small" icon={<RefreshCw size={14} />} onClick={retry}>{t('action.retry')}</Button>}
    />
  )
}

/** Title and detail: the server's own words, and ours where there was no server. */
export function wordsOf(problem: Problem, t: TFunction): { title: string; detail: string } {
  if (problem.code === 'network') return { title: t('problem.network'), detail: t('problem.network_detail') }
  if (problem.status === 429) return { title: t('problem.too_many'), detail: problem.detail }
  return { title: problem.title || t('problem.unknown'), detail: problem.detail }
}
