import { useTranslation } from 'react-i18next'
import type { LiveCall } from '@/api/calls'
import { Eye, EyeOff, Hand, Headphones, Mic, MicOff, PhoneOff } from '@/ui/icons'
import { WhyButton } from '@/ui/WhyButton'
import type { Offers } from './offers'

interface Props {
  call: LiveCall
  offered: Offers
  listening: boolean
  /** This person speaks: the bar below has their own buttons. */
  mine: boolean
  acts: Record<'listen' | 'mute' | 'take' | 'handBack' | 'record' | 'hangUp', () => void>
}

export function Actions({ call, offered, listening, mine, acts }: Props) {
  const { t } = useTranslation('live')
  const why = (reason: string | undefined) => (reason === undefined ? undefined : t(`why.${reason}`))
  const taken = offered.handBack === undefined
  return (
    <div className="cw-live-buttons">
      <WhyButton type={listening ? 'primary' : 'default'} aria-pressed={listening} why={why(offered.listen)} icon={<Headphones size={16} aria-hidden />} onClick={acts.listen}>{t(listening ? 'act.listening' : 'act.listen')}</WhyButton>
      <WhyButton aria-pressed={call.muted} why={why(offered.mute)} icon={call.muted ? <Mic size={16} aria-hidden /> : <MicOff size={16} aria-hidden />} onClick={acts.mute}>{t(call.muted ? 'act.unmute' : 'act.mute')}</WhyButton>
      {mine ? null : taken ? (
        <WhyButton why={why(offered.handBack)} icon={<Hand size={16} aria-hidden />} onClick={acts.handBack}>{t('act.hand_back')}</WhyButton>
      ) : (
        <WhyButton why={why(offered.take)} icon={<Hand size={16} aria-hidden />} onClick={acts.take}>{t('act.take')}</WhyButton>
      )}
      <WhyButton aria-pressed={call.off_record} why={why(offered.record)} icon={call.off_record ? <Eye size={16} aria-hidden /> : <EyeOff size={16} aria-hidden />} onClick={acts.record}>{t(call.off_record ? 'act.on_record' : 'act.off_record')}</WhyButton>
      {!mine && <WhyButton danger why={why(offered.hangUp)} icon={<PhoneOff size={16} aria-hidden />} onClick={acts.hangUp}>{t('act.hang_up')}</WhyButton>}
    </div>
  )
}
