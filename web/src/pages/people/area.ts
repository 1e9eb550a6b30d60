import { api, read } from '@/api/client'
import { page, type Area } from '@/app/area'
import { FolderOpen, ListChecks, Users } from '@/ui/icons'

const scope = 'contacts:read' as const

export const people: Area = {
  pages: [
    page('/contacts', () => import('./contacts/ContactsPage'), { scope }),
    page('/contacts/$id', () => import('./contacts/OneContact'), { scope }),
    page('/lists', () => import('./lists/ListsPage'), { scope }),
    page('/lists/$id', () => import('./lists/ListPage'), { scope }),
    page('/cases', () => import('./cases/CasesPage'), { scope }),
  ],
  nav: [
    { to: '/contacts', label: 'contacts', icon: Users, group: 'people', order: 0, scope, key: 'p' },
    { to: '/cases', label: 'cases', icon: FolderOpen, group: 'people', order: 10, scope },
    { to: '/lists', label: 'lists', icon: ListChecks, group: 'people', order: 20, scope },
  ],
  find: {
    scope,
    async find(text) {
      const { items } = await read(api.GET('/api/v1/contacts', { params: { query: { search: text, limit: 5 } } }))
      return items.map((contact) => ({ to: `/contacts/${contact.id}`, label: contact.name || contact.phone || '—', hint: contact.phone ?? undefined, icon: Users }))
    },
  },
}
