import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { useCan } from '@/api/session'
import { IconButton } from '@/ui/IconButton'
import { Pause, Play, Trash2 } from '@/ui/icons'
import { CampaignMenu } from '../control/CampaignMenu'
import { mainAct, whyNot } from '../control/rules'
import { useControl } from '../control/useControl'

/** Run or pause, the rest behind the dots, the red trash. */
export function RowActions({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const can = useCan()
  const control = useControl()
  const [busy, setBusy] = useState(false)
  const main = mainAct(campaign)
  const why = (act: Parameters<typeof whyNot>[0]) => {
    const reason = whyNot(act, campaign, can)
    return reason === undefined ? undefined : t(`why.${reason}`)
  }
  const press = async () => {
    setBusy(true)
    await control[main](campaign)
    setBusy(false)
  }
  return (
    <span className="cw-buttons">
      <IconButton icon={main === 'pause' ? Pause : Play} label={t(`act.${main}`)} why={why(main)} loading={busy} onClick={() => void press()} />
      <CampaignMenu campaign={campaign} withDelete={false} />
      <IconButton icon={Trash2} danger label={t('act.delete')} why={why('delete')} onClick={() => void control.remove(campaign)} />
    </span>
  )
}
