import { page, type Area } from '@/app/area'
import { AudioLines } from '@/ui/icons'
import { LiveCount } from './LiveCount'

const scope = 'calls:read' as const

export const live: Area = {
  pages: [page('/live', () => import('./LivePage'), { scope })],
  nav: [{ to: '/live', label: 'live', icon: AudioLines, group: 'main', order: 10, scope, key: 'l', Badge: LiveCount }],
}
