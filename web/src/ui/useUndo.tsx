/** Says what was done, and takes it back for ten seconds. */
import { App, Button } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { asProblem } from '@/api/problem'

const SECONDS = 10

export function useUndo(): (done: { title: string; text?: ReactNode; undo?: () => Promise<unknown> }) => void {
  const { notification, message } = App.useApp()
  const { t } = useTranslation()
  return ({ title, text, undo }) => {
    const key = `${title}${Date.now()}`
    const back = async () => {
      notification.destroy(key)
      try {
        await undo?.()
        message.info(t('undo.done'))
      } catch (error) {
        message.error(asProblem(error).message)
      }
    }
    notification.open({
      key,
      title,
      description: text,
      duration: SECONDS,
      showProgress: true,
      pauseOnHover: true,
      role: 'status',
      actions: undo && <Button size="small" onClick={() => void back()}>{t('undo.action')}</Button>,
    })
  }
}
