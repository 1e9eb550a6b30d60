/** The rules of law that the server knows, with their sources. */
import { useQuery } from '@tanstack/react-query'
import { Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { callingLawQuery } from '@/api/policy'
import { useSearch } from '@/app/search-params'
import { Empty } from '@/ui/Empty'
import { ExternalLink } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { SearchBox } from '@/ui/table/filters'
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
        <table className="cw-law-table" aria-busy={law.isPending}>
          <thead>
            <tr>{(['rule', 'set', 'regions', 'force', 'looked_up', 'source'] as const).map((key) => <th key={key} scope="col">{t(`law.${key}`)}</th>)}</tr>
          </thead>
          <tbody>
            {rules.map((rule) => (
              <tr key={rule.id}>
                <td><span className="cw-law"><span>{rule.title}</span><small>{rule.citation}{rule.note && ` · ${rule.note}`}</small></span></td>
                <td>{t(`profile.${rule.profile}`)}</td>
                <td>{rule.regions.join(', ')}</td>
                <td>{t(`force.${rule.force}`)}</td>
                <td><TimeText at={rule.looked_up} form="date" /></td>
                <td><a href={rule.url} target="_blank" rel="noreferrer" aria-label={`${t('law.open')}: ${rule.title}`}>{t('law.open')} <ExternalLink size={13} aria-hidden /></a></td>
              </tr>
            ))}
          </tbody>
        </table>
        {law.isPending && <Skeleton active style={{ padding: 16 }} />}
        {law.data && rules.length === 0 && <Empty text={t('common:table.no_match')} />}
      </div>
    </div>
  )
}
