import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { useAssistantName } from '@/api/organisation'
import { useCan } from '@/api/session'
import { Bot, Pause, Pencil, Phone, Play } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { CampaignTag } from '@/ui/status/states'
import { PhoneText } from '@/ui/values'
import { WhyButton } from '@/ui/WhyButton'
import { exists } from '../../exists'
import { CampaignMenu } from '../control/CampaignMenu'
import { mainAct, whyNot, type Act } from '../control/rules'
import { useControl } from '../control/useControl'

export function Head({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const can = useCan()
  const control = useControl()
  const navigate = useNavigate()
  const assistant = useAssistantName()(campaign.assistant_id)
  const [busy, setBusy] = useState(false)
  const main = mainAct(campaign)
  const why = (act: Act) => {
    const reason = whyNot(act, campaign, can)
    return reason === undefined ? undefined : t(`why.${reason}`)
  }
  const press = async () => {
    setBusy(true)
    await control[main](campaign)
    setBusy(false)
  }

  return (
    <PageHeader
      title={campaign.name}
      tag={<CampaignTag campaign={campaign} tooltip={campaign.pause_detail} />}
      facts={
        <>
          {assistant !== undefined && (
            <span>
              <Bot size={15} strokeWidth={1.75} aria-label={t('field.assistant')} />
              {exists('/assistants/$id') ? <Link to={`/assistants/${campaign.assistant_id}`}>{assistant}</Link> : assistant}
            </span>
          )}
          <span>
            <Phone size={14} strokeWidth={1.75} aria-label={t('field.caller_id')} />
            <PhoneText number={campaign.caller_id} />
          </span>
        </>
      }
      actions={
        <>
          {exists('/campaigns/$id/edit') && (
            <WhyButton icon={<Pencil size={15} strokeWidth={1.75} />} why={why('edit')} onClick={() => void navigate({ to: `/campaigns/${campaign.id}/edit` })}>{t('act.edit')}</WhyButton>
          )}
          <WhyButton type="primary" icon={main === 'pause' ? <Pause size={15} /> : <Play size={15} />} why={why(main)} loading={busy} onClick={() => void press()}>
            {t(`act.${main}`)}
          </WhyButton>
          <CampaignMenu campaign={campaign} onDeleted={() => void navigate({ to: '/campaigns' })} />
        </>
      }
    />
  )
}
