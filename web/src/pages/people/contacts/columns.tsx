import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { Contact } from '@/api/people'
import { Ban, PhoneOff } from '@/ui/icons'
import { StatusTag } from '@/ui/status/StatusTag'
import type { Column } from '@/ui/table'
import { Nothing, PhoneText, TimeText } from '@/ui/values'
import { Tags } from './Tags'

export function useColumns(): Column<Contact>[] {
  const { t } = useTranslation('people')
  return [
    { key: 'name', title: t('field.name'), width: 200, fixed: 'start', sort: 'name', render: (contact) => <Name contact={contact} /> },
    { key: 'phone', title: t('field.phone'), width: 200, render: (contact) => <Phones contact={contact} /> },
    { key: 'tags', title: t('field.tags'), width: 180, render: (contact) => <Tags tags={contact.tags ?? []} /> },
    { key: 'zone', title: t('field.time_zone'), width: 190, render: (contact) => <Zone contact={contact} /> },
    { key: 'mark', title: t('field.mark'), width: 150, render: (contact) => (contact.opted_out ? <StatusTag tone="failure" icon={Ban}>{t('contacts.do_not_call')}</StatusTag> : <Nothing />) },
    { key: 'email', title: t('field.email'), width: 200, hidden: true, render: (contact) => contact.emails?.[0]?.address ?? <Nothing /> },
    { key: 'external', title: t('field.external_id'), width: 130, hidden: true, render: (contact) => contact.external_id ?? <Nothing /> },
    { key: 'variables', title: t('field.variables'), width: 220, render: (contact) => Object.entries(contact.variables).map(([name, value]) => `${name}: ${value}`).join(', ') || <Nothing /> },
    { key: 'created', title: t('field.created'), width: 150, sort: 'created_at', render: (contact) => <TimeText at={contact.created_at} /> },
    { key: 'updated', title: t('field.updated'), width: 150, sort: 'updated_at', hidden: true, render: (contact) => <TimeText at={contact.updated_at} /> },
  ]
}

function Name({ contact }: { contact: Contact }) {
  return <Link className="cw-row-link" to="/contacts" search={((old: object) => ({ ...old, contact: contact.id })) as never}>{contact.name || contact.phone || '—'}</Link>
}

function Phones({ contact }: { contact: Contact }) {
  const { t } = useTranslation('people')
  const [first] = contact.phones
  if (first === undefined) return <span className="cw-soft"><PhoneOff size={13} aria-hidden /> {t('contacts.no_phone')}</span>
  return (
    <span className="cw-line">
      <PhoneText number={first.number} />
      {contact.phones.length > 1 && <span className="cw-faint">+{contact.phones.length - 1}</span>}
    </span>
  )
}

function Zone({ contact }: { contact: Contact }) {
  const { t } = useTranslation('people')
  if (contact.time_zone) return <span>{contact.time_zone.replaceAll('_', ' ')}</span>
  if (contact.time_zone_source === 'none') return <span className="cw-soft">{t('contacts.is.no_zone')}</span>
  return <span className="cw-soft">{t('contacts.by_number')}</span>
}
