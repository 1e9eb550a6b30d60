/** While this person speaks to the contact: it has to be seen all the time. */
import { Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Hand, Mic, MicOff, PhoneOff } from '@/ui/icons'
import type { TakeOver } from './session'

export function TakenBar({ contact, session, handBack, hangUp }: { contact: string; session: TakeOver; handBack: () => void; hangUp: () => void }) {
  const { t } = useTranslation('live')
  const [muted, setMuted] = useState(false)
  const mute = () => {
    session.mute(!muted)
    setMuted(!muted)
  }
  return (
    <div className="cw-taken" role="status">
      <strong>{t(muted ? 'taken.muted' : 'taken.speaking', { contact })}</strong>
      <span className="cw-line">
        <Button size="small" icon={muted ? <Mic size={14} aria-hidden /> : <MicOff size={14} aria-hidden />} onClick={mute}>{t(muted ? 'taken.unmute' : 'taken.mute')}</Button>
        <Button size="small" type="primary" icon={<Hand size={14} aria-hidden />} onClick={handBack}>{t('act.hand_back')}</Button>
        <Button size="small" danger icon={<PhoneOff size={14} aria-hidden />} onClick={hangUp}>{t('act.hang_up')}</Button>
      </span>
    </div>
  )
}
