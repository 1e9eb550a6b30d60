import { App } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'

/**
 * Contacts that come into a finished campaign wait until it is resumed: asks whether that is to be now. Answers
 * whether to start, and `undefined` when nothing is to be done at all.
 */
export function useResumeToo(campaign: Campaign): () => Promise<boolean | undefined> {
  const { modal } = App.useApp()
  const { t } = useTranslation('campaigns')
  return () => {
    if (campaign.state !== 'completed') return Promise.resolve(false)
    return new Promise((answer) => {
      const dialog = modal.confirm({
        title: t('resume_now.title'),
        icon: null,
        content: t('resume_now.text'),
        okText: t('resume_now.yes'),
        cancelText: t('resume_now.no'),
        closable: true,
        onOk: () => answer(true),
        // Closing is neither of the two buttons.
        onCancel: (close: unknown) => {
          answer(typeof close === 'function' ? false : undefined)
          dialog.destroy()
        },
      })
    })
  }
}
