/** What a new organisation still needs until its first campaign; gone when all of it is there. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { api, read } from '@/api/client'
import { campaignsQuery } from '@/api/campaigns'
import { assistantsQuery, providersQuery, trunksQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { CircleCheck, CircleDashed } from '@/ui/icons'
import { exists } from '../exists'

export function Checklist() {
  const { t } = useTranslation('home')
  const can = useCan()
  const enabled = can('settings:write') && can('campaigns:write')
  const trunks = useQuery({ ...trunksQuery, enabled })
  const providers = useQuery({ ...providersQuery, enabled })
  const assistants = useQuery({ ...assistantsQuery, enabled })
  const campaigns = useQuery({ ...campaignsQuery({ limit: 1 }), enabled })
  const contacts = useQuery({ queryKey: ['contacts', 'list', { limit: 1 }], queryFn: () => read(api.GET('/api/v1/contacts', { params: { query: { limit: 1 } } })), enabled })
  const all = [trunks, providers, assistants, campaigns, contacts]
  if (!enabled || all.some((query) => query.data === undefined)) return null

  const items = [
    { key: 'trunk', to: '/setup?step=trunk', done: trunks.data!.items.length > 0 },
    { key: 'providers', to: '/setup?step=providers', done: providers.data!.items.length > 0 },
    { key: 'assistant', to: exists('/assistants') ? '/assistants' : '/setup?step=call', done: assistants.data!.items.length > 0 },
    { key: 'contacts', to: exists('/contacts') ? '/contacts' : undefined, done: contacts.data!.items.length > 0 },
    { key: 'campaign', to: exists('/campaigns/new') ? '/campaigns/new' : undefined, done: campaigns.data!.items.length > 0 },
  ]
  // The built-in voice serves as well: no provider alone keeps the list open.
  if (items.every((item) => item.done || item.key === 'providers')) return null
  return (
    <Card title={t('checklist.title')}>
      <ul className="cw-checklist">
        {items.map(({ key, to, done }) => (
          <li key={key} data-done={done || undefined}>
            {done ? <CircleCheck size={16} aria-label={t('checklist.done')} /> : <CircleDashed size={16} aria-label={t('checklist.open')} />}
            {to === undefined || done ? <span>{t(`checklist.${key}`)}</span> : <Link to={to}>{t(`checklist.${key}`)}</Link>}
          </li>
        ))}
      </ul>
    </Card>
  )
}
