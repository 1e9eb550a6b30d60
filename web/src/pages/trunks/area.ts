import { page, type Area } from '@/app/area'
import { Cable } from '@/ui/icons'

const scope = 'settings:read' as const

export const trunks: Area = {
  pages: [
    page('/trunks', () => import('./ListPage'), { scope }),
    page('/trunks/$id', () => import('./DetailPage'), { scope }),
    page('/trunks/$id/$tab', () => import('./DetailPage'), { scope }),
  ],
  nav: [{ to: '/trunks', label: 'trunks', icon: Cable, group: 'connect', order: 10, scope }],
}
