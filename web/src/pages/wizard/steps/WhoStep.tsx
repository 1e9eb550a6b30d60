/** Who is called: contacts that are picked, from a file, or a list. They go into the draft at once. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Button, Table } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { progressQuery, targetsQuery, type Campaign, type Target } from '@/api/campaigns'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { Empty } from '@/ui/Empty'
import { number } from '@/ui/format'
import { ListChecks, Upload, UserPlus } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { TargetTag } from '@/ui/status/states'
import { Nothing, PhoneText, useLocale } from '@/ui/values'
import { ForecastAside } from '../parts/ForecastAside'
import type { Wizard } from '../useDraft'

const ContactPicker = lazy(() => import('../../campaigns/detail/contacts/picker/ContactPicker'))
const ListIntoCampaign = lazy(() => import('../parts/ListIntoCampaign'))
const ImportIntoCampaign = lazy(() => import('../parts/ImportIntoCampaign'))

/** So many are shown; all of them are on the campaign's own page. */
const SHOWN = 8

export default function WhoStep({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  return (
    <div className="cw-two">
      {wizard.campaign === undefined ? (
        <Card title={t('step.who')}><Empty text={t('who.no_draft')} action={<Button type="primary" loading={wizard.saving} onClick={() => void wizard.save('who')}>{t('who.save_now')}</Button>} /></Card>
      ) : (
        <People campaign={wizard.campaign} />
      )}
      <ForecastAside wizard={wizard} />
    </div>
  )
}

function People({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const locale = useLocale()
  const can = useCan()
  const [door, setDoor] = useState<'pick' | 'list' | 'file'>()
  const progress = useQuery(progressQuery(campaign.id))
  const people = useQuery(targetsQuery(campaign.id, { limit: SHOWN, sort: '-updated_at' }))
  const total = progress.data?.total ?? 0
  const close = () => setDoor(undefined)
  return (
    <div className="cw-stack">
      <Card title={t('who.title')} actions={total > 0 && <Link to={`/campaigns/${campaign.id}/contacts`}>{t('who.all', { count: total, text: number(total, locale) })}</Link>}>
        <ProblemAlert error={progress.error ?? people.error} retry={() => void Promise.all([progress.refetch(), people.refetch()])} />
        <div className="cw-doors">
          <Door icon={<UserPlus size={18} aria-hidden />} title={t('who.pick')} text={t('who.pick_text')} onClick={() => setDoor('pick')} />
          <Door icon={<ListChecks size={18} aria-hidden />} title={t('who.list')} text={t('who.list_text')} onClick={() => setDoor('list')} />
          {can('contacts:write') && <Door icon={<Upload size={18} aria-hidden />} title={t('who.file')} text={t('who.file_text')} onClick={() => setDoor('file')} />}
        </div>
        {people.data && people.data.items.length > 0 && (
          <Table<Target>
            size="small"
            rowKey="id"
            aria-label={t('who.title')}
            pagination={false}
            dataSource={people.data.items}
            columns={[
              { title: t('campaigns:field.name'), ellipsis: true, render: (_, target) => target.name || <Nothing /> },
              { title: t('campaigns:field.phone'), width: 190, render: (_, target) => <PhoneText number={target.phone} /> },
              { title: t('campaigns:field.status'), width: 160, render: (_, target) => <TargetTag state={target.state} /> },
            ]}
          />
        )}
        {total > SHOWN && <p className="cw-caption">{t('who.more', { count: total - SHOWN, text: number(total - SHOWN, locale) })}</p>}
        {progress.data && total === 0 && <p className="cw-soft">{t('who.none')}</p>}
      </Card>
      <Suspense>
        {door === 'pick' && <ContactPicker campaign={campaign} close={close} />}
        {door === 'list' && <ListIntoCampaign campaign={campaign} close={close} />}
        {door === 'file' && <ImportIntoCampaign campaign={campaign} close={close} />}
      </Suspense>
    </div>
  )
}

function Door({ icon, title, text, onClick }: { icon: React.ReactNode; title: string; text: string; onClick: () => void }) {
  return (
    <button type="button" className="cw-door" onClick={onClick}>
      {icon}
      <strong>{title}</strong>
      <small>{text}</small>
    </button>
  )
}
