import { page, type Area } from '@/app/area'
import { Server } from '@/ui/icons'

const scope = 'settings:read' as const

export const providers: Area = {
  pages: [page('/providers', () => import('./ListPage'), { scope })],
  nav: [{ to: '/providers', label: 'providers', icon: Server, group: 'connect', order: 30, scope }],
}
