import { Alert, Button, Segmented, Slider } from 'antd'
import { useTranslation } from 'react-i18next'
import { duration, number } from '@/ui/format'
import { Pause, Play } from '@/ui/icons'
import { useLocale } from '@/ui/values'
import { CHANNELS } from './channels'
import type { Player } from './usePlayer'

const RATES = [1, 1.5, 2]

export function PlayerBar({ player }: { player: Player }) {
  const { t } = useTranslation('calls')
  const locale = useLocale()
  return (
    <>
      <div className="cw-player">
        <Button
          type="primary"
          shape="circle"
          aria-label={t(player.playing ? 'player.pause' : 'player.play')}
          icon={player.playing ? <Pause size={16} aria-hidden /> : <Play size={16} aria-hidden />}
          onClick={player.toggle}
        />
        <span className="cw-num cw-player-time"><strong>{duration(player.ms)}</strong> / {duration(player.lengthMs)}</span>
        <Slider
          className="cw-player-slider"
          min={0}
          max={Math.max(1, Math.round(player.lengthMs / 100))}
          value={Math.round(player.ms / 100)}
          onChange={(tenth) => player.seek(tenth * 100)}
          tooltip={{ formatter: (tenth) => duration((tenth ?? 0) * 100) }}
          ariaLabelForHandle={t('player.position')}
          ariaValueTextFormatterForHandle={(tenth) => duration(Number(tenth) * 100)}
        />
        <Segmented<number> aria-label={t('player.speed')} value={player.rate} onChange={player.setRate} options={RATES.map((value) => ({ value, label: `${number(value, locale, 1)}×` }))} />
        <Segmented aria-label={t('player.channel')} value={player.channel} onChange={player.setChannel} options={CHANNELS.map((value) => ({ value, label: t(`side.${value}`) }))} />
      </div>
      {player.failed && <Alert type="error" showIcon title={t('player.failed')} description={t('player.failed_text')} />}
    </>
  )
}
