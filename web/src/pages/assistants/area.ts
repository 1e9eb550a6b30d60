import { api, read } from '@/api/client'
import { page, type Area } from '@/app/area'
import { Bot } from '@/ui/icons'

const scope = 'assistants:read' as const

export const assistants: Area = {
  pages: [
    page('/assistants', () => import('./list/ListPage'), { scope }),
    page('/assistants/$id', () => import('./detail/FirstTab'), { scope }),
    page('/assistants/$id/$tab', () => import('./detail/DetailPage'), { scope }),
  ],
  nav: [{ to: '/assistants', label: 'assistants', icon: Bot, group: 'build', order: 10, scope, key: 'a' }],
  find: {
    scope,
    async find(text) {
      const { items } = await read(api.GET('/api/v1/assistants', { params: { query: { limit: 1000 } } }))
      const low = text.toLowerCase()
      const hits = items.filter((assistant) => assistant.definition.name.toLowerCase().includes(low)).slice(0, 5)
      return hits.map((assistant) => ({ to: `/assistants/${assistant.id}`, label: assistant.definition.name, icon: Bot }))
    },
  },
}
