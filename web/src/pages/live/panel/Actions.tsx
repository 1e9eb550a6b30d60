import { Tooltip, type ButtonProps } from 'antd'
import { useTranslation } from 'react-i18next'
import type { LiveCall } from '@/api/calls'
import { Eye, EyeOff, Hand, Headphones, Mic, MicOff, PhoneOff, type Icon } from '@/ui/icons'
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
  return (
    <div className="cw-live-buttons">
      <Act icon={Headphones} why={offered.listen} hint="l" act={acts.listen} type={listening ? 'primary' : 'default'} aria-pressed={listening}>{t(listening ? 'act.listening' : 'act.listen')}</Act>
      <Act icon={call.muted ? Mic : MicOff} why={offered.mute} hint="m" act={acts.mute}>{t(call.muted ? 'act.unmute' : 'act.mute')}</Act>
      {!mine && offered.handBack === undefined && <Act icon={Hand} why={undefined} hint="h" act={acts.handBack}>{t('act.hand_back')}</Act>}
      {!mine && offered.handBack !== undefined && <Act icon={Hand} why={offered.take} hint="t" act={acts.take}>{t('act.take')}</Act>}
      <Act icon={call.off_record ? Eye : EyeOff} why={offered.record} act={acts.record}>{t(call.off_record ? 'act.on_record' : 'act.off_record')}</Act>
      {!mine && <Act icon={PhoneOff} why={offered.hangUp} act={acts.hangUp} danger>{t('act.hang_up')}</Act>}
    </div>
  )
}

/** Says why it cannot be pressed, or by which key it can. */
function Act({ icon: Icon, why, hint, act, children, ...rest }: { icon: Icon; why: string | undefined; hint?: string; act: () => void } & Omit<ButtonProps, 'icon' | 'onClick'>) {
  const { t } = useTranslation('live')
  const button = (
    <WhyButton {...rest} why={why === undefined ? undefined : t(`why.${why}`)} icon={<Icon size={16} strokeWidth={1.75} aria-hidden />} aria-keyshortcuts={hint} onClick={act}>{children}</WhyButton>
  )
  return why === undefined && hint !== undefined ? <Tooltip title={t('key', { key: hint })}>{button}</Tooltip> : button
}
