import { api, read } from '@/api/client'
import { page, type Area } from '@/app/area'
import { Phone } from '@/ui/icons'

const scope = 'calls:read' as const

export const calls: Area = {
  pages: [page('/calls', () => import('./list/CallsPage'), { scope }), page('/calls/$id', () => import('./detail/CallPage'), { scope })],
  nav: [{ to: '/calls', label: 'calls', icon: Phone, group: 'main', order: 30, scope }],
  find: {
    scope,
    async find(text) {
      // Numbers are all that calls are searched by.
      if (!/^\+?[\d\s()-]{4,}$/.test(text)) return []
      const { items } = await read(api.GET('/api/v1/calls', { params: { query: { search: text.replace(/[\s()-]/g, ''), limit: 5, sort: '-started_at' } } }))
      return items.map((call) => ({ to: `/calls/${call.id}`, label: call.direction === 'inbound' ? call.from : call.to, hint: call.started_at.slice(0, 10), icon: Phone }))
    },
  },
}
