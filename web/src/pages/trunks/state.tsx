/** How a trunk is doing, as a tag: calls may go over it, one call tries, it is down, it is switched off. */
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import type { Trunk } from '@/api/organisation'
import type { StatusTone } from '@/theme'
import { CircleCheck, CirclePause, CircleX, TriangleAlert, type Icon } from '@/ui/icons'
import { StatusTag } from '@/ui/status/StatusTag'

const LOOK: Record<Schema['TrunkState'], readonly [StatusTone, Icon]> = { up: ['success', CircleCheck], trying: ['partial', TriangleAlert], down: ['failure', CircleX], off: ['waiting', CirclePause] }

/** What the trunk itself tells; its health knows more, and is asked only where one trunk is looked at. */
export function stateOf(trunk: Trunk): Schema['TrunkState'] {
  if (!trunk.enabled) return 'off'
  if (trunk.breaker.state === 'open' || trunk.registration.state === 'failing') return 'down'
  return trunk.breaker.state === 'half_open' || trunk.registration.state === 'trying' ? 'trying' : 'up'
}

export function TrunkTag({ state, why }: { state: Schema['TrunkState']; why?: string | null | undefined }) {
  const { t } = useTranslation('trunks')
  const [tone, icon] = LOOK[state]
  return <StatusTag tone={tone} icon={icon} tooltip={why ?? undefined}>{t(`state.${state}`)}</StatusTag>
}
