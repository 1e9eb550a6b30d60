import { useMatches, useRouter } from '@tanstack/react-router'
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
  // Outside the shell nothing else says what the content is.
  const Frame = useMatches({ select: (matches) => matches.some((match) => match.routeId.includes('shell')) }) ? 'div' : 'main'
  return (
    <Frame className="cw-narrow cw-error">
      <h1>{t('page.error')}</h1>
      <ProblemAlert error={error} retry={retry} />
    </Frame>
  )
}
