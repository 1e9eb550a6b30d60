/** The frame of every page: rail, header, and what the page is. */
import { Navigate, Outlet, useLocation, useMatches } from '@tanstack/react-router'
import { Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { allows, useSession } from '@/api/session'
import { NoPermissionPage } from '../pages/NoPermissionPage'
import { Header } from './Header'
import { Keys } from './Keys'
import { LiveBar } from './LiveBar'
import { PageSkeleton } from './PageSkeleton'
import { Rail } from './Rail'

export function Shell() {
  const { t } = useTranslation()
  const session = useSession()
  const href = useLocation({ select: (location) => location.href })
  const scope = useMatches({ select: (matches) => matches.at(-1)?.staticData.scope })
  if (session === null) return <Navigate to="/login" search={{ next: href === '/' ? undefined : href } as never} replace />
  const allowed = scope === undefined || allows(session.scopes, scope)
  return (
    <div className="cw-shell">
      <a className="cw-skip" href="#main">{t('shell.skip')}</a>
      <Rail />
      <div className="cw-side">
        <Header />
        <LiveBar />
        <main id="main" className="cw-main" tabIndex={-1}>
          <Suspense fallback={<PageSkeleton />}>{allowed ? <Outlet /> : <NoPermissionPage scope={scope} />}</Suspense>
        </main>
      </div>
      <Keys />
    </div>
  )
}
