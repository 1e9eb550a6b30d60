/** Tabs of a page are links: they open in a new browser tab, and Back works. Those past the eighth wait under "More". */
import { Link, useLocation } from '@tanstack/react-router'
import { Dropdown } from 'antd'
import { useTranslation } from 'react-i18next'
import { ChevronDown } from './icons'

export interface PageTab {
  to: string
  label: string
}

const SHOWN = 8

export function PageTabs({ tabs, label }: { tabs: PageTab[]; label: string }) {
  const { t } = useTranslation()
  const path = useLocation({ select: (location) => location.pathname })
  const more = tabs.slice(SHOWN)
  const items = more.map((tab) => ({ key: tab.to, label: <Link to={tab.to}>{tab.label}</Link> }))
  return (
    <nav className="cw-tabs" aria-label={label}>
      {tabs.slice(0, SHOWN).map((tab) => <Link key={tab.to} to={tab.to}>{tab.label}</Link>)}
      {more.length > 0 && (
        <Dropdown menu={{ items }} trigger={['click']}>
          <button type="button" data-status={more.some((tab) => tab.to === path) ? 'active' : undefined}>
            {t('tabs.more')} <ChevronDown size={14} aria-hidden />
          </button>
        </Dropdown>
      )}
    </nav>
  )
}
