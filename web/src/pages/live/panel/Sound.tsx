/** Levels of both sides, the volume, and how far behind the call the ear is. */
import { Alert, Slider } from 'antd'
import { useCallback, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Volume2 } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import type { Listening } from '../listen/useListen'
import { Meter } from './Meter'

export function Sound({ listening, volume, setVolume }: { listening: Listening; volume: number; setVolume: (volume: number) => void }) {
  const { t } = useTranslation('live')
  const { levels, state } = listening
  const contact = useCallback(() => levels.current.contact, [levels])
  const agent = useCallback(() => levels.current.agent, [levels])
  const open = state?.now === 'open'
  return (
    <div className="cw-sound">
      <Meter side="contact" label={t('calls:side.contact')} read={contact} />
      <Meter side="agent" label={t('calls:side.agent')} read={agent} />
      {state?.now === 'refused' && <ProblemAlert error={state.problem} />}
      {state?.now === 'lost' && <Alert type="warning" showIcon title={t('listen.lost')} />}
      {open && (
        <div className="cw-volume">
          <Volume2 size={16} strokeWidth={1.75} aria-hidden />
          <Slider min={0} max={100} value={Math.round(volume * 100)} onChange={(percent) => setVolume(percent / 100)} ariaLabelForHandle={t('listen.volume')} tooltip={{ formatter: (percent) => `${percent} %` }} />
          <Behind listening={listening} />
        </div>
      )}
      <p className="cw-caption" role="status">{t(open ? 'listen.open' : state?.now === 'connecting' ? 'listen.connecting' : 'listen.off')}</p>
    </div>
  )
}

function Behind({ listening }: { listening: Listening }) {
  const { t } = useTranslation('live')
  const [behind, setBehind] = useState<number>()
  useEffect(() => {
    const timer = setInterval(() => setBehind(listening.latency()), 1_000)
    return () => clearInterval(timer)
  }, [listening])
  if (!behind) return null
  return <span className="cw-caption cw-num" data-behind={behind}>{t('listen.behind', { ms: behind })}{listening.dropped > 0 && ` · ${t('listen.dropped', { count: listening.dropped })}`}</span>
}
