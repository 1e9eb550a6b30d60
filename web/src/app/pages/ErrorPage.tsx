import { useRouter } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { ProblemAlert } from '@/ui/Problem'

/** A page that could not be shown. */
export function ErrorPage({ error, reset }: { error: unknown; reset?: () => void }) {
  const { t } = useTranslation()
  const router = useRouter()
  const retry = () => {
    reset?.()
    void router.invalidate()
  }
  return (
    <div className="cw-narrow">
      <h1>{t('page.error')}</h1>
      <ProblemAlert error={error} retry={retry} />
    </div>
  )
}
