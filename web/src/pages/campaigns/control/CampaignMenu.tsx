/** Everything else that can be done to a campaign, behind the three dots. What cannot be done says why. */
import { useNavigate } from '@tanstack/react-router'
import { Dropdown, Tooltip, type MenuProps } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { useCan } from '@/api/session'
import { IconButton } from '@/ui/IconButton'
import { CircleSlash, Copy, Ellipsis, Merge, OctagonX, Pencil, Trash2, type Icon } from '@/ui/icons'
import { exists } from '../../exists'
import { whyNot, type Act } from './rules'
import { useControl } from './useControl'

const DuplicateModal = lazy(() => import('./DuplicateModal'))
const MergeModal = lazy(() => import('./MergeModal'))

interface Props {
  campaign: Campaign
  /** Told when the campaign is going away. */
  onDeleted?: () => void
  /** In a table the trash has a button of its own. */
  withDelete?: boolean
}

export function CampaignMenu({ campaign, onDeleted, withDelete = true }: Props) {
  const { t } = useTranslation('campaigns')
  const can = useCan()
  const control = useControl()
  const navigate = useNavigate()
  const [dialog, setDialog] = useState<'duplicate' | 'merge' | null>(null)

  const item = (act: Act, Icon: Icon, onClick: () => void, danger = false) => {
    const reason = whyNot(act, campaign, can)
    const label = t(`act.${act}`)
    return {
      key: act,
      icon: <Icon size={15} strokeWidth={1.75} />,
      danger,
      disabled: reason !== undefined,
      label: reason === undefined ? label : <Tooltip title={t(`why.${reason}`)} placement="left"><span>{label}</span></Tooltip>,
      onClick,
    }
  }
  const items: MenuProps['items'] = [
    ...(exists('/campaigns/$id/edit') ? [item('edit', Pencil, () => void navigate({ to: `/campaigns/${campaign.id}/edit` }))] : []),
    item('duplicate', Copy, () => setDialog('duplicate')),
    item('merge', Merge, () => setDialog('merge')),
    { type: 'divider' },
    item('stop', OctagonX, () => void control.stop(campaign), true),
    item('cancel', CircleSlash, () => void control.cancel(campaign), true),
    ...(withDelete ? [item('delete', Trash2, () => void control.remove(campaign).then((gone) => gone && onDeleted?.()), true)] : []),
  ]

  return (
    <>
      <Dropdown menu={{ items }} trigger={['click']} placement="bottomRight">
        <IconButton icon={Ellipsis} label={t('common:action.more')} aria-haspopup="menu" />
      </Dropdown>
      <Suspense>
        {dialog === 'duplicate' && <DuplicateModal campaign={campaign} close={() => setDialog(null)} />}
        {dialog === 'merge' && <MergeModal campaign={campaign} close={() => setDialog(null)} />}
      </Suspense>
    </>
  )
}
