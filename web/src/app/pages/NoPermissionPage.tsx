import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { Scope } from '@/api/session'
import { useCrumbs } from '../crumbs'

/** Says what is missing, and who can grant it. */
export function NoPermissionPage({ scope }: { scope: Scope | undefined }) {
  const { t } = useTranslation()
  useCrumbs({ label: t('page.no_permission') })
  return (
    <div className="cw-narrow">
      <h1>{t('page.no_permission')}</h1>
      <p>{t('page.no_permission_text', { right: scope ? t(`scope.${scope.replace(':', '_')}`) : '' })}</p>
      <p><Link to="/">{t('page.home')}</Link></p>
    </div>
  )
}
