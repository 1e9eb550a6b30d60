import { page, type Area } from '@/app/area'
import { Settings } from '@/ui/icons'

const scope = 'settings:read' as const

export const settings: Area = {
  pages: [
    page('/settings', () => import('./FirstTab'), { scope }),
    page('/settings/$tab', () => import('./SettingsPage'), { scope }),
  ],
  nav: [{ to: '/settings', label: 'settings', icon: Settings, group: 'settings', order: 0, scope }],
}
