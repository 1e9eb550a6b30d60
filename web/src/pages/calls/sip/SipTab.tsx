/** The SIP messages of a call as a ladder, its audio as the wire had it. */
import { useQuery } from '@tanstack/react-query'
import { Alert, Button, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { ladderQuery, ladderTextUrl, pcapUrl, type CallDetail } from '@/api/calls'
import { Download } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { Ladder } from './Ladder'
import { Quality } from './Quality'

export function SipTab({ call }: { call: CallDetail }) {
  const { t } = useTranslation('calls')
  const ladder = useQuery({ ...ladderQuery(call.id), enabled: call.direction !== 'browser' })
  return (
    <div className="cw-stack">
      {call.quality && <Quality quality={call.quality} />}
      <section className="cw-stack cw-tight">
        <div className="cw-line">
          <h3>{t('sip.title')}</h3>
          {ladder.data && (
            <span className="cw-end cw-buttons">
              <Button size="small" type="text" icon={<Download size={14} aria-hidden />} href={ladderTextUrl(call.id)} download={`${call.id}.txt`}>{t('sip.text')}</Button>
              <Button size="small" type="text" icon={<Download size={14} aria-hidden />} href={pcapUrl(call.id)} download={`${call.id}.pcap`}>{t('sip.pcap')}</Button>
            </span>
          )}
        </div>
        {ladder.isLoading && <Skeleton active />}
        <ProblemAlert error={ladder.error} retry={() => void ladder.refetch()} />
        {(ladder.data === null || call.direction === 'browser') && <p className="cw-soft">{t(call.direction === 'browser' ? 'sip.browser' : 'sip.none')}</p>}
        {ladder.data && !ladder.data.complete && <Alert type="info" showIcon title={t('sip.incomplete')} />}
        {ladder.data && ladder.data.left_out > 0 && <Alert type="info" showIcon title={t('sip.left_out', { count: ladder.data.left_out })} />}
        {ladder.data && <Ladder ladder={ladder.data} />}
      </section>
    </div>
  )
}
