import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useCrumbs } from '../crumbs'

export function NotFoundPage() {
  const { t } = useTranslation()
  useCrumbs({ label: t('page.not_found') })
  return (
    <div className="cw-narrow">
      <h1>{t('page.not_found')}</h1>
      <p>{t('page.not_found_text')}</p>
      <p><Link to="/">{t('page.home')}</Link></p>
    </div>
  )
}
