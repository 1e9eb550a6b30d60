import { page, type Area } from '@/app/area'
import { LayoutDashboard } from '@/ui/icons'

export const home: Area = {
  pages: [page('/', () => import('./HomePage'))],
  nav: [{ to: '/', label: 'home', icon: LayoutDashboard, group: 'main', order: 0 }],
}
