/** Tabs of a panel; which one is open stands in the address. */
import { useSearch } from '@/app/search-params'

export function PanelTabs<T extends string>({ tabs, open, label }: { tabs: readonly { key: T; label: string }[]; open: T; label: string }) {
  const [, patch] = useSearch()
  return (
    <nav className="cw-tabs cw-panel-tabs" aria-label={label}>
      {tabs.map((tab) => (
        <button key={tab.key} type="button" data-status={tab.key === open ? 'active' : undefined} aria-current={tab.key === open ? 'true' : undefined} onClick={() => patch({ panel: tab.key }, { replace: true })}>
          {tab.label}
        </button>
      ))}
    </nav>
  )
}
