/** Words that several pages of assistants share. */
import { useTranslation } from 'react-i18next'
import type { FlowNode } from '@/api/assistants'
import type { Schema } from '@/api/client'
import type { Exit } from '../model/steps'

export const MODES: Schema['Mode'][] = ['flow', 'llm', 'speech_to_speech', 'external']

/** Languages that fixed texts, spoken numbers and opt-outs are known in. */
export const LANGUAGES = ['en', 'en-GB', 'en-US', 'de', 'de-AT', 'de-CH'] as const

export function useLanguageName(): (tag: string | undefined) => string {
  const { i18n } = useTranslation('assistants')
  return (tag = 'en') => {
    try {
      return new Intl.DisplayNames([i18n.language], { type: 'language' }).of(tag) ?? tag
    } catch {
      return tag
    }
  }
}

/** What an exit of a block is called: "yes", "otherwise", "nobody takes it". */
export function useExitName(): (node: FlowNode, exit: Exit) => string {
  const { t } = useTranslation('assistants')
  return (node, exit) => {
    if (!exit.key.startsWith('case:')) return t(`exit.${node.tool && exit.key === 'next' ? 'done' : exit.key}`)
    const one = node.branch!.cases[Number(exit.key.slice(5))]!
    const test = testOf(one)
    return test === undefined ? t('exit.no_test') : t(`test.${test}`, { value: valueOf(one, test) })
  }
}

export const TESTS = ['is', 'is_not', 'one_of', 'contains', 'less_than', 'at_most', 'more_than', 'at_least', 'answered'] as const
export type Test = (typeof TESTS)[number] | 'not_answered'

export function testOf(one: Schema['Case']): Test | undefined {
  const test = TESTS.find((name) => one[name] !== undefined && one[name] !== null)
  return test === 'answered' && one.answered === false ? 'not_answered' : test
}

export function valueOf(one: Schema['Case'], test: Test): string {
  if (test === 'answered' || test === 'not_answered') return ''
  const value = one[test]
  return Array.isArray(value) ? value.join(', ') : String(value ?? '')
}

/** A case with another test or value; what it leads to stays. */
export function caseOf(test: Test, value: string, next: string): Schema['Case'] {
  if (test === 'answered' || test === 'not_answered') return { answered: test === 'answered', next }
  if (test === 'one_of') return { one_of: value.split(',').map((part) => part.trim()).filter((part, index, all) => part !== '' || index === all.length - 1), next }
  const compares = test === 'less_than' || test === 'at_most' || test === 'more_than' || test === 'at_least'
  return { [test]: compares && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value, next }
}
