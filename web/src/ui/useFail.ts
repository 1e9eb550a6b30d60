/** For a change that failed where no form can show it: the problem in a notification. */
import { App } from 'antd'
import { useTranslation } from 'react-i18next'
import { asProblem } from '@/api/problem'
import { wordsOf } from './Problem'

export function useFail(): (error: unknown) => void {
  const { notification } = App.useApp()
  const { t } = useTranslation()
  return (error) => {
    const problem = asProblem(error)
    const words = wordsOf(problem, t)
    notification.error({
      title: words.title,
      description: [words.detail, ...problem.errors.map((fault) => fault.reason)].filter(Boolean).join(' · '),
      role: 'alert',
    })
  }
}
