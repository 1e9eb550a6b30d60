/** What holds for the whole organisation. */
import { Navigate, useParams } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { PageSkeleton } from '@/app/shell/PageSkeleton'
import { PageHeader } from '@/ui/PageHeader'
import { PageTabs } from '@/ui/PageTabs'
import './settings.css'

const TABS = {
  plan: lazy(() => import('./plan/PlanTab')),
  compliance: lazy(() => import('./compliance/ComplianceTab')),
  law: lazy(() => import('./compliance/LawTab')),
  users: lazy(() => import('./users/UsersTab')),
}
type Tab = keyof typeof TABS

export default function SettingsPage() {
  const { t } = useTranslation('settings')
  const can = useCan()
  const { tab = '' } = useParams({ strict: false }) as { tab?: string }
  const tabs = (Object.keys(TABS) as Tab[]).filter((one) => one !== 'users' || can('admin'))
  const open = tabs.find((one) => one === tab)
  useCrumbs({ label: t('common:nav.settings'), to: '/settings' }, ...(open ? [{ label: t(`tab.${open}`) }] : []))
  if (open === undefined) return <Navigate to="/settings/plan" replace />
  const Body = TABS[open]
  return (
    <>
      <PageHeader title={t('common:nav.settings')} />
      <PageTabs label={t('tabs')} tabs={tabs.map((one) => ({ to: `/settings/${one}`, label: t(`tab.${one}`) }))} />
      <Suspense fallback={<PageSkeleton />}><Body /></Suspense>
    </>
  )
}
