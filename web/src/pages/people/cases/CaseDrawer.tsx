/** One case: details, its contact, the lists and campaigns it is in. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { App, Button, Drawer, Skeleton } from 'antd'
import { lazy, Suspense, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { campaignQuery } from '@/api/campaigns'
import { send } from '@/api/client'
import { casePlacesQuery, caseQuery, listQuery, type Case } from '@/api/people'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { Pencil, Trash2 } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { Nothing, PhoneText, TimeText } from '@/ui/values'

const CaseForm = lazy(() => import('./CaseForm'))

export default function CaseDrawer({ id, close }: { id: string; close: () => void }) {
  const { t } = useTranslation('people')
  const one = useQuery(caseQuery(id))
  return (
    <Drawer open onClose={close} size={560} title={one.data ? one.data.external_id || t('cases.case') : t('cases.case')} extra={one.data && <Actions one={one.data} close={close} />}>
      <ProblemAlert error={one.error} retry={() => void one.refetch()} />
      {one.isPending && <Skeleton active />}
      {one.data && <Body one={one.data} />}
    </Drawer>
  )
}

function Actions({ one, close }: { one: Case; close: () => void }) {
  const { t } = useTranslation('people')
  const { message } = App.useApp()
  const can = useCan()
  const client = useQueryClient()
  const confirm = useConfirm()
  const fail = useFail()
  const [editing, setEditing] = useState(false)
  if (!can('contacts:write')) return null
  const remove = async () => {
    if (!(await confirm({ title: t('cases.delete_title'), text: t('cases.delete_text'), ok: t('common:action.delete'), danger: true }))) return
    try {
      await send('DELETE', `/api/v1/cases/${one.id}`)
      message.success(t('cases.deleted'))
      close()
    } catch (error) {
      fail(error)
    } finally {
      await client.invalidateQueries({ queryKey: ['cases'] })
    }
  }
  return (
    <span className="cw-line">
      <Button size="small" icon={<Pencil size={14} />} onClick={() => setEditing(true)}>{t('common:action.edit')}</Button>
      <Button size="small" danger icon={<Trash2 size={14} />} onClick={() => void remove()}>{t('common:action.delete')}</Button>
      <Suspense>{editing && <CaseForm one={one} close={() => setEditing(false)} />}</Suspense>
    </span>
  )
}

function Body({ one }: { one: Case }) {
  const { t } = useTranslation('people')
  const places = useQuery(casePlacesQuery(one.id))
  const rows: [string, ReactNode][] = [
    [t('cases.contact'), one.contact && <Link key="contact" to="/contacts" search={{ contact: one.contact.id } as never}>{one.contact.name || one.contact.phone}</Link>],
    [t('field.phone'), one.contact?.phone && <PhoneText key="phone" number={one.contact.phone} />],
    [t('cases.type'), one.case_type?.name],
    [t('cases.status'), one.case_status?.name],
    ...Object.entries(one.details).map(([name, value]): [string, ReactNode] => [name, value]),
    [t('field.created'), <TimeText key="created" at={one.created_at} />],
  ]
  return (
    <div className="cw-stack">
      <Card title={t('cases.details')}>
        <dl className="cw-facts-list">{rows.map(([name, value]) => <div key={name} className="cw-fact"><dt>{name}</dt><dd>{value || <Nothing />}</dd></div>)}</dl>
      </Card>
      <Card title={t('common:nav.lists')}>
        {places.data?.lists.length === 0 && <p className="cw-soft">{t('cases.no_lists')}</p>}
        <ul className="cw-plain">{places.data?.lists.map((id) => <li key={id}><ListName id={id} /></li>)}</ul>
      </Card>
      <Card title={t('common:nav.campaigns')}>
        {places.data?.campaigns.length === 0 && <p className="cw-soft">{t('lists.no_campaigns')}</p>}
        <ul className="cw-plain">{places.data?.campaigns.map((id) => <li key={id}><CampaignName id={id} /></li>)}</ul>
      </Card>
    </div>
  )
}

function ListName({ id }: { id: string }) {
  const { data } = useQuery(listQuery(id))
  return <Link to={`/lists/${id}`}>{data?.name ?? '…'}</Link>
}

function CampaignName({ id }: { id: string }) {
  const { data } = useQuery(campaignQuery(id))
  return <Link to={`/campaigns/${id}`}>{data?.name ?? '…'}</Link>
}
