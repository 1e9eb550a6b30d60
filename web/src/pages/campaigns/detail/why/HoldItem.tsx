import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { Campaign, Hold } from '@/api/campaigns'
import { CircleAlert, CircleX, Clock, type Icon } from '@/ui/icons'
import { TimeText } from '@/ui/values'
import { filterOf } from './filter'

/** One thing that holds contacts: how many, why, what ends it, who can. The server's own words come along where they have numbers. */
export function HoldItem({ hold, campaign, first = false }: { hold: Hold; campaign: Campaign; first?: boolean }) {
  const { t } = useTranslation('campaigns')
  const passing = hold.waits_for === 'time' || hold.waits_for === 'call' || hold.waits_for === 'campaign'
  const Mark: Icon = first ? CircleX : passing ? Clock : CircleAlert
  const filter = filterOf(hold.code)
  const words = t(`hold.${hold.code}`, { defaultValue: hold.reason })
  return (
    <li className="cw-hold" data-first={first || undefined}>
      <Mark size={16} strokeWidth={1.75} aria-hidden />
      <div>
        <div className="cw-hold-title">
          <strong>{words}</strong>
          {hold.contacts > 0 && <span className="cw-num">{t('why_drawer.contacts', { count: hold.contacts })}</span>}
        </div>
        {words !== hold.reason && /\d/.test(hold.reason) && <div className="cw-soft" lang="en">{hold.reason}</div>}
        <div className="cw-line cw-caption">
          {hold.waits_for && <span>{t(`waits_for.${hold.waits_for}`)}</span>}
          {hold.next_at && <TimeText at={hold.next_at} zone={campaign.schedule.time_zone} />}
        </div>
        {hold.remedy && <div className="cw-caption">{t('why_drawer.remedy')} <span lang="en">{hold.remedy}</span></div>}
        {hold.rule && (
          <div className="cw-caption">
            <a href={hold.rule.url} target="_blank" rel="noreferrer">{hold.rule.title}, {hold.rule.citation}</a>
          </div>
        )}
      </div>
      {filter && hold.contacts > 0 && <Link to={`/campaigns/${campaign.id}/contacts`} search={filter as never}>{t('common:action.show')}</Link>}
    </li>
  )
}
