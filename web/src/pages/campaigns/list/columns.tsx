/** Columns of the list of campaigns. Counts come per campaign; cells of a row share one read. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Tooltip } from 'antd'
import { useTranslation } from 'react-i18next'
import { diagnosisQuery, type Campaign, type Progress } from '@/api/campaigns'
import { useAssistantName, useTrunkName } from '@/api/organisation'
import { CampaignTag } from '@/ui/status/states'
import type { Column } from '@/ui/table'
import { Nothing, NumberText, PhoneText, TimeText } from '@/ui/values'
import { ProgressCell, useRowProgress } from '../parts/ProgressBar'
import { useStatusLine } from '../parts/status'
import { RowActions } from './RowActions'

export function useColumns(): Column<Campaign>[] {
  const { t } = useTranslation('campaigns')
  const assistant = useAssistantName()
  const trunk = useTrunkName()
  const count = (key: 'total' | 'pending' | 'in_progress' | 'completed' | 'failed', hidden = false): Column<Campaign> => ({
    key,
    title: t(`progress.${key}`),
    width: 98,
    align: 'right',
    hidden,
    render: (campaign) => <Count id={campaign.id} of={key} />,
  })
  return [
    { key: 'name', title: t('field.name'), width: 216, fixed: 'start', sort: 'name', render: (campaign) => <Name campaign={campaign} /> },
    { key: 'status', title: t('field.status'), width: 170, render: (campaign) => <Status campaign={campaign} /> },
    {
      key: 'assistant',
      title: t('field.assistant'),
      width: 152,
      render: (campaign) => (
        <span className="cw-cell-two">
          <span>{assistant(campaign.assistant_id) ?? <Nothing />}</span>
          <small><PhoneText number={campaign.caller_id} /></small>
        </span>
      ),
    },
    { key: 'trunk', title: t('field.trunk'), width: 130, hidden: true, render: (campaign) => trunk(campaign.trunk_id) ?? <Nothing /> },
    { key: 'progress', title: t('field.progress'), width: 112, render: (campaign) => <ProgressCell id={campaign.id} /> },
    count('pending'),
    count('in_progress', true),
    count('completed'),
    count('failed'),
    count('total', true),
    { key: 'created', title: t('field.created'), width: 116, sort: 'created_at', render: (campaign) => <TimeText at={campaign.created_at} form="date" /> },
    { key: 'started', title: t('field.started'), width: 150, sort: 'started_at', hidden: true, render: (campaign) => <TimeText at={campaign.started_at} /> },
    { key: 'updated', title: t('field.updated'), width: 150, sort: 'updated_at', hidden: true, render: (campaign) => <TimeText at={campaign.updated_at} /> },
    { key: 'actions', title: t('field.actions'), width: 108, fixed: 'end', quiet: true, render: (campaign) => <RowActions campaign={campaign} /> },
  ]
}

function Name({ campaign }: { campaign: Campaign }) {
  return (
    <span className="cw-cell-two">
      <Tooltip title={campaign.name} placement="topLeft" mouseEnterDelay={0.6}>
        <Link className="cw-row-link" to={`/campaigns/${campaign.id}`}>{campaign.name}</Link>
      </Tooltip>
      <small title={campaign.goal ?? undefined}>{campaign.goal || '—'}</small>
    </span>
  )
}

function Status({ campaign }: { campaign: Campaign }) {
  const line = useStatusLine()
  const { data } = useRowProgress(campaign.id)
  const { data: diagnosis } = useQuery({ ...diagnosisQuery(campaign.id), enabled: campaign.state === 'in_progress', staleTime: 30_000 })
  const words = line(campaign, data, diagnosis)
  return (
    <span className="cw-cell-tag">
      <CampaignTag campaign={campaign} />
      <small title={words}>{words}</small>
    </span>
  )
}

function Count({ id, of }: { id: string; of: keyof Pick<Progress, 'total' | 'pending' | 'in_progress' | 'completed' | 'failed'> }) {
  const { data } = useRowProgress(id)
  return <NumberText value={data?.[of]} />
}
