/** "Why is nothing being dialed?": every guard with its values, the first that holds on top in words. */
import { useQuery } from '@tanstack/react-query'
import { App, Button, Drawer, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { diagnosisQuery, progressQuery, type Campaign, type Hold } from '@/api/campaigns'
import { useFallbackInterval } from '@/api/live'
import { Copy, TriangleAlert, X } from '@/ui/icons'
import { moment, number } from '@/ui/format'
import { ProblemAlert } from '@/ui/Problem'
import { useLocale } from '@/ui/values'
import { Checks } from './Checks'
import { HoldItem } from './HoldItem'

export default function WhyDrawer({ campaign, close }: { campaign: Campaign; close: () => void }) {
  const { t } = useTranslation('campaigns')
  const { message } = App.useApp()
  const locale = useLocale()
  const refetchInterval = useFallbackInterval()
  const diagnosis = useQuery({ ...diagnosisQuery(campaign.id), refetchInterval })
  const progress = useQuery({ ...progressQuery(campaign.id), refetchInterval })
  const dialing = diagnosis.data?.activity === 'dialing'
  const [first, ...others] = diagnosis.data?.holds ?? []
  const words = (hold: Hold) => t(`hold.${hold.code}`, { defaultValue: hold.reason })

  const headline = () => {
    if (diagnosis.data === undefined) return ''
    if (dialing) return first === undefined ? t('why_drawer.dialing') : t('why_drawer.dialing_held', { reason: words(first) })
    const next = diagnosis.data.next_at ? t('why_drawer.next', { at: moment(new Date(diagnosis.data.next_at), new Date(), locale) }) : t('why_drawer.no_next')
    return `${t('why_drawer.nothing')} ${next}`
  }
  const copy = async () => {
    const lines = [`${campaign.name} (${campaign.id})`, headline(), ...(diagnosis.data?.holds ?? []).map((hold) => `- ${hold.code}: ${number(hold.contacts, locale)} · ${hold.reason}${hold.next_at ? ` · ${hold.next_at}` : ''}`)]
    await navigator.clipboard.writeText(lines.join('\n'))
    message.success(t('common:action.copied'))
  }

  return (
    <Drawer
      open
      onClose={close}
      size={560}
      title={t(dialing ? 'why_drawer.title_speed' : 'why_drawer.title')}
      closable={{ closeIcon: <X size={18} strokeWidth={1.75} />, 'aria-label': t('common:action.close') }}
      extra={<Button size="small" icon={<Copy size={14} />} onClick={() => void copy()}>{t('why_drawer.copy')}</Button>}
    >
      <div className="cw-stack">
        <ProblemAlert error={diagnosis.error} retry={() => void diagnosis.refetch()} />
        {diagnosis.isPending && <Skeleton active />}
        {diagnosis.data && (
          <>
            <p className="cw-why-head" role="status">{!dialing && <TriangleAlert size={18} aria-hidden />}{headline()}</p>
            <ul className="cw-holds">
              {first && <HoldItem hold={first} campaign={campaign} first />}
              {others.map((hold) => <HoldItem key={hold.code} hold={hold} campaign={campaign} />)}
            </ul>
            <Checks campaign={campaign} holds={diagnosis.data.holds} progress={progress.data} />
          </>
        )}
      </div>
    </Drawer>
  )
}
