import { useTranslation } from 'react-i18next'
import type { CallDetail } from '@/api/calls'
import { duration } from '@/ui/format'
import { useReason } from '@/ui/status/states'
import type { Player } from '../player/usePlayer'
import { happenings, type Happening } from './happenings'

export function EventsTab({ call, player }: { call: CallDetail; player: Player }) {
  const { t } = useTranslation('calls')
  const reason = useReason()
  const words = (one: Happening): string => {
    switch (one.kind) {
      case 'answer':
        return t('event.answer', { name: one.name, status: t(`answers.${one.status}`) })
      case 'keys':
        return t('event.keys', { keys: one.keys })
      case 'transfer':
        return t('event.transfer', { to: one.to, way: t(`way.${one.way}`) })
      case 'recording_fault':
        return t(`fault.${one.fault}`)
      case 'ended':
        return [t('event.ended', { reason: reason(one.reason) }), one.by && t(`common:ended_by.${one.by}`)].filter(Boolean).join(' · ')
      case 'started':
      case 'answered':
      case 'cut':
      case 'disclosed_ai':
      case 'disclosed_recording':
      case 'refused_recording':
        return t(`event.${one.kind}`)
    }
  }
  return (
    <ol className="cw-events">
      {happenings(call).map((one, index) => {
        const at = one.ms < 0 ? `−${duration(-one.ms)}` : duration(one.ms)
        const plays = player.has && one.ms >= 0 && one.ms < player.lengthMs
        return (
          <li key={index}>
            {plays ? <button type="button" className="cw-link cw-num" onClick={() => player.seek(one.ms, true)}>{at}</button> : <span className="cw-num cw-soft">{at}</span>}
            <span>{words(one)}</span>
          </li>
        )
      })}
    </ol>
  )
}
