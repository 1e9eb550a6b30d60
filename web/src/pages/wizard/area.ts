import { page, type Area } from '@/app/area'

const scope = 'campaigns:write' as const

export const wizard: Area = {
  pages: [
    page('/campaigns/new', () => import('./NewPage'), { scope }),
    page('/campaigns/$id/edit', () => import('./EditPage'), { scope }),
  ],
  nav: [],
}
