import { useTranslation } from 'react-i18next'
import type { LiveCall } from '@/api/calls'
import type { StatusTone } from '@/theme'
import { AudioLines, Clock, Hand, MicOff, PhoneCall, PhoneForwarded, PhoneOutgoing, type Icon } from '@/ui/icons'
import { StatusTag } from '@/ui/status/StatusTag'
import { standing, type Standing } from './filter'

const LOOK: Record<Standing, readonly [StatusTone, Icon]> = {
  dialing: ['waiting', PhoneOutgoing],
  ringing: ['waiting', Clock],
  answered: ['new', PhoneCall],
  talking: ['live', AudioLines],
  muted: ['partial', MicOff],
  taken_over: ['callback', Hand],
  handed_over: ['callback', PhoneForwarded],
}

export function StandingTag({ call }: { call: LiveCall }) {
  const { t } = useTranslation('live')
  const now = standing(call)
  const [tone, icon] = LOOK[now]
  return <StatusTag tone={tone} icon={icon}>{t(`standing.${now}`)}</StatusTag>
}
