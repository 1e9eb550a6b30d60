/** The rules of law that the server knows, with their sources. */
import { useQuery } from '@tanstack/react-query'
import { Table } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import { callingLawQuery } from '@/api/policy'
import { useSearch } from '@/app/search-params'
import { ExternalLink } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { SearchBox } from '@/ui/table'
import { TimeText } from '@/ui/values'

export default function LawTab() {
  const { t } = useTranslation('settings')
  const [search, patch] = useSearch()
  const law = useQuery(callingLawQuery)
  const wanted = (search.q ?? '').toLowerCase()
  const rules = (law.data?.rules ?? []).filter((rule) => `${rule.title} ${rule.citation} ${rule.regions.join(' ')}`.toLowerCase().includes(wanted))
  return (
    <div>
      <div className="cw-toolbar">
        <SearchBox value={search.q} onChange={(q) => patch({ q })} placeholder={t('law.search')} />
        {law.data && <span className="cw-caption cw-end">{t('law.version', { version: law.data.data_version })}</span>}
      </div>
      <ProblemAlert error={law.error} retry={() => void law.refetch()} />
      <div className="cw-table-frame">
        <Table<Schema['RuleView']>
          rowKey="id"
          aria-label={t('tab.law')}
          size="small"
          loading={law.isPending}
          pagination={false}
          dataSource={rules}
          locale={{ emptyText: law.isPending ? ' ' : t('common:table.no_match') }}
          columns={[
            { title: t('law.rule'), render: (_, rule) => <span className="cw-law"><span>{rule.title}</span><small>{rule.citation}{rule.note && ` · ${rule.note}`}</small></span> },
            { title: t('law.set'), width: 160, render: (_, rule) => t(`profile.${rule.profile}`) },
            { title: t('law.regions'), width: 140, render: (_, rule) => rule.regions.join(', ') },
            { title: t('law.force'), width: 130, render: (_, rule) => t(`force.${rule.force}`) },
            { title: t('law.looked_up'), width: 120, render: (_, rule) => <TimeText at={rule.looked_up} form="date" /> },
            { title: t('law.source'), width: 100, render: (_, rule) => <a href={rule.url} target="_blank" rel="noreferrer" aria-label={`${t('law.open')}: ${rule.title}`}>{t('law.open')} <ExternalLink size={13} aria-hidden /></a> },
          ]}
        />
      </div>
    </div>
  )
}
