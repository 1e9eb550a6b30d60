/** One list: who is in it, how clean it is, where it was used. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { App, Button, Skeleton } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { send } from '@/api/client'
import { listQuery, qualityQuery, type PeopleList } from '@/api/people'
import { asProblem } from '@/api/problem'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { PageSkeleton } from '@/app/shell/PageSkeleton'
import { Card } from '@/ui/Card'
import { Empty } from '@/ui/Empty'
import { Pencil, Trash2 } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { ProblemAlert } from '@/ui/Problem'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { Nothing, NumberText } from '@/ui/values'
import { Members } from './Members'
import { QualityFacts } from './QualityFacts'
import '../people.css'

const ListForm = lazy(() => import('./ListForm'))

export default function ListPage() {
  const { t } = useTranslation('people')
  const { id } = useParams({ strict: false }) as { id: string }
  const list = useQuery(listQuery(id))
  useCrumbs({ label: t('common:nav.lists'), to: '/lists' }, { label: list.data?.name ?? '…' })
  if (list.error !== null && asProblem(list.error).status === 404) return <Empty text={t('lists.gone')} action={<Link to="/lists">{t('common:nav.lists')}</Link>} />
  if (list.error !== null) return <ProblemAlert error={list.error} retry={() => void list.refetch()} />
  if (list.data === undefined) return <PageSkeleton />
  return (
    <>
      <PageHeader title={list.data.name} facts={<><span>{t(`lists.of.${list.data.kind}`)}</span><NumberText value={list.data.members} /></>} actions={<Actions list={list.data} />} />
      <div className="cw-two">
        <Members list={list.data} />
        <div className="cw-stack">
          <Overrides list={list.data} />
          <Clean list={list.data} />
        </div>
      </div>
    </>
  )
}

function Actions({ list }: { list: PeopleList }) {
  const { t } = useTranslation('people')
  const { message } = App.useApp()
  const can = useCan()
  const client = useQueryClient()
  const navigate = useNavigate()
  const confirm = useConfirm()
  const fail = useFail()
  const [editing, setEditing] = useState(false)
  if (!can('contacts:write')) return null
  const remove = async () => {
    if (!(await confirm({ title: t('lists.delete_title', { name: list.name }), text: t('lists.delete_text'), ok: t('common:action.delete'), danger: true }))) return
    try {
      await send('DELETE', `/api/v1/lists/${list.id}`)
      message.success(t('lists.deleted', { name: list.name }))
      await navigate({ to: '/lists' })
    } catch (error) {
      fail(error)
    } finally {
      await client.invalidateQueries({ queryKey: ['lists', 'list'] })
    }
  }
  return (
    <>
      <Button icon={<Pencil size={15} strokeWidth={1.75} />} onClick={() => setEditing(true)}>{t('common:action.edit')}</Button>
      <Button danger icon={<Trash2 size={15} strokeWidth={1.75} />} onClick={() => void remove()}>{t('common:action.delete')}</Button>
      <Suspense>{editing && <ListForm list={list} close={() => setEditing(false)} />}</Suspense>
    </>
  )
}

function Overrides({ list }: { list: PeopleList }) {
  const { t } = useTranslation('people')
  return (
    <Card title={t('lists.overrides')}>
      <dl className="cw-facts-list">
        <div className="cw-fact"><dt>{t('lists.company_name')}</dt><dd>{list.company_name ?? <Nothing />}</dd></div>
        <div className="cw-fact"><dt>{t('lists.case_type')}</dt><dd>{list.case_type ?? <Nothing />}</dd></div>
        <div className="cw-fact"><dt>{t('lists.obo')}</dt><dd>{t(list.obo ? 'common:yes' : 'common:no')}</dd></div>
      </dl>
      <p className="cw-caption">{t('lists.overrides_text')}</p>
    </Card>
  )
}

function Clean({ list }: { list: PeopleList }) {
  const { t } = useTranslation('people')
  const quality = useQuery(qualityQuery(list.id))
  return (
    <>
      <Card title={t('quality.title')}>
        <ProblemAlert error={quality.error} retry={() => void quality.refetch()} />
        {quality.isPending && <Skeleton active title={false} />}
        {quality.data && <QualityFacts quality={quality.data} />}
      </Card>
      <Card title={t('lists.campaigns')}>
        {quality.data?.campaigns.length === 0 && <p className="cw-soft">{t('lists.no_campaigns')}</p>}
        <ul className="cw-plain">{quality.data?.campaigns.map((campaign) => <li key={campaign.id}><Link to={`/campaigns/${campaign.id}`}>{campaign.name}</Link></li>)}</ul>
      </Card>
    </>
  )
}
