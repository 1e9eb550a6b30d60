import { api, read } from '@/api/client'
import { page, type Area } from '@/app/area'
import { Megaphone } from '@/ui/icons'

const scope = 'campaigns:read' as const

export const campaigns: Area = {
  pages: [
    page('/campaigns', () => import('./list/ListPage'), { scope }),
    page('/campaigns/$id', () => import('./detail/FirstTab'), { scope }),
    page('/campaigns/$id/$tab', () => import('./detail/DetailPage'), { scope }),
  ],
  nav: [{ to: '/campaigns', label: 'campaigns', icon: Megaphone, group: 'main', order: 20, scope, key: 'c' }],
  find: {
    scope,
    async find(text) {
      const { items } = await read(api.GET('/api/v1/campaigns', { params: { query: { search: text, limit: 5 } } }))
      return items.map((campaign) => ({ to: `/campaigns/${campaign.id}`, label: campaign.name, icon: Megaphone }))
    },
  },
}
