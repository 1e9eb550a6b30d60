/** One contact: numbers, variables, consent, campaigns, what happened. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { App, Button, Drawer, Skeleton } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { campaignsQuery } from '@/api/campaigns'
import { api } from '@/api/client'
import { consentsQuery, contactQuery, type Contact } from '@/api/people'
import { asProblem } from '@/api/problem'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { Empty } from '@/ui/Empty'
import { Ban, Pencil, Trash2 } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { CampaignTag } from '@/ui/status/states'
import { StatusTag } from '@/ui/status/StatusTag'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { Nothing, PhoneText, TimeText } from '@/ui/values'
import { Tags } from './Tags'
import { Timeline } from './Timeline'

const ContactForm = lazy(() => import('./ContactForm'))

export default function ContactDrawer({ id, close }: { id: string; close: () => void }) {
  const { t } = useTranslation('people')
  const contact = useQuery(contactQuery(id))
  const gone = contact.error !== null && [404, 422].includes(asProblem(contact.error).status)
  return (
    <Drawer open onClose={close} size={620} title={contact.data ? contact.data.name || contact.data.phone || t('contacts.unnamed') : t('common:nav.contacts')} extra={contact.data && <Actions contact={contact.data} close={close} />}>
      {gone ? <Empty text={t('contacts.gone')} /> : <ProblemAlert error={contact.error} retry={() => void contact.refetch()} />}
      {contact.isPending && <Skeleton active />}
      {contact.data && <Body contact={contact.data} />}
    </Drawer>
  )
}

function Actions({ contact, close }: { contact: Contact; close: () => void }) {
  const { t } = useTranslation('people')
  const { message } = App.useApp()
  const can = useCan()
  const client = useQueryClient()
  const confirm = useConfirm()
  const fail = useFail()
  const [editing, setEditing] = useState(false)
  if (!can('contacts:write')) return null
  const remove = async () => {
    const name = contact.name || contact.phone || t('contacts.unnamed')
    if (!(await confirm({ title: t('contacts.delete_title', { name }), text: t('contacts.delete_text'), ok: t('common:action.delete'), danger: true }))) return
    try {
      await api.DELETE('/api/v1/contacts/{id}', { params: { path: { id: contact.id } } })
      message.success(t('contacts.deleted', { name }))
      close()
    } catch (error) {
      fail(error)
    } finally {
      await client.invalidateQueries({ queryKey: ['contacts'] })
    }
  }
  return (
    <span className="cw-line">
      <Button size="small" icon={<Pencil size={14} />} onClick={() => setEditing(true)}>{t('common:action.edit')}</Button>
      <Button size="small" danger icon={<Trash2 size={14} />} onClick={() => void remove()}>{t('common:action.delete')}</Button>
      <Suspense>{editing && <ContactForm contact={contact} close={() => setEditing(false)} />}</Suspense>
    </span>
  )
}

function Body({ contact }: { contact: Contact }) {
  const { t } = useTranslation('people')
  const can = useCan()
  const campaigns = useQuery({ ...campaignsQuery({ contact_id: contact.id, limit: 50 }), enabled: can('campaigns:read') })
  const consents = useQuery({ ...consentsQuery(contact.phone ?? ''), enabled: Boolean(contact.phone) })
  const facts: [string, React.ReactNode][] = [
    [t('field.time_zone'), contact.time_zone?.replaceAll('_', ' ') ?? (contact.time_zone_source === 'none' ? t('contacts.is.no_zone') : t('contacts.by_number'))],
    [t('field.tags'), contact.tags && contact.tags.length > 0 ? <Tags key="tags" tags={contact.tags} most={20} /> : undefined],
    [t('field.email'), contact.emails?.map((email) => email.address).join(', ') || undefined],
    [t('field.external_id'), contact.external_id ?? undefined],
    ...Object.entries(contact.variables).map(([name, value]): [string, React.ReactNode] => [name, value]),
    [t('field.created'), <TimeText key="created" at={contact.created_at} />],
  ]
  return (
    <div className="cw-stack">
      {contact.opted_out && <div><StatusTag tone="failure" icon={Ban}>{t('contacts.do_not_call')}</StatusTag></div>}
      <Card title={t('contacts.numbers')}>
        {contact.phones.length === 0 && <p className="cw-soft">{t('contacts.no_phone')}</p>}
        <ol className="cw-numbers">
          {contact.phones.map((phone, index) => (
            <li key={phone.number}>
              <span className="cw-faint">{index + 1}</span>
              <PhoneText number={phone.number} />
              <span className="cw-soft">{phone.label}</span>
              {phone.invalid_since && <span className="cw-fault">{t('contacts.invalid_since')} <TimeText at={phone.invalid_since} form="date" /></span>}
            </li>
          ))}
        </ol>
      </Card>
      <Card title={t('contacts.details')}>
        <dl className="cw-facts-list">{facts.map(([name, value]) => <div key={name} className="cw-fact"><dt>{name}</dt><dd>{value ?? <Nothing />}</dd></div>)}</dl>
      </Card>
      <Card title={t('contacts.campaigns')}>
        <ProblemAlert error={campaigns.error} />
        {campaigns.data?.items.length === 0 && <p className="cw-soft">{t('contacts.no_campaigns')}</p>}
        <ul className="cw-plain">
          {campaigns.data?.items.map((campaign) => <li key={campaign.id} className="cw-line"><Link to={`/campaigns/${campaign.id}/contacts`} search={{ q: contact.name || contact.phone } as never}>{campaign.name}</Link> <CampaignTag campaign={campaign} /></li>)}
        </ul>
      </Card>
      {consents.data && consents.data.items.length > 0 && (
        <Card title={t('contacts.consent')}>
          <ul className="cw-plain">
            {consents.data.items.map((consent) => (
              <li key={consent.id}>
                <strong>{consent.source}</strong> · <TimeText at={consent.given_at} form="date" />
                {consent.withdrawn_at ? <span className="cw-fault"> · {t('contacts.withdrawn')} <TimeText at={consent.withdrawn_at} form="date" /></span> : consent.valid_until && <> · {t('contacts.valid_until')} <TimeText at={consent.valid_until} form="date" /></>}
                <div className="cw-caption">{consent.proof}</div>
              </li>
            ))}
          </ul>
        </Card>
      )}
      <Timeline contact={contact} />
    </div>
  )
}
