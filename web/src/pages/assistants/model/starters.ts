/** What a new assistant begins with: something that can be talked to at once, or a prompt to fill in. */
import type { Definition } from '@/api/assistants'
import type { Schema } from '@/api/client'

export type Starter = 'flow' | 'llm' | 'speech_to_speech' | 'external'

export interface Texts {
  hello: string
  question: string
  glad: string
  sorry: string
  bye: string
  prompt: string
}

/** Enabled providers by what they do, by name. */
export function providerNames(providers: readonly Pick<Schema['ProviderView'], 'name' | 'stage' | 'enabled'>[], stage: Schema['Stage']): string[] {
  return providers.filter((provider) => provider.enabled && provider.stage === stage).map((provider) => provider.name)
}

export function starter(kind: Starter, name: string, language: string, texts: Texts, providers: Parameters<typeof providerNames>[0]): Definition {
  const first = (stage: Schema['Stage']) => providerNames(providers, stage).slice(0, 1)
  const spoken = { stt: first('stt'), tts: first('tts') }
  switch (kind) {
    case 'flow':
      return {
        name,
        language,
        mode: 'flow',
        ...(spoken.tts.length > 0 || spoken.stt.length > 0 ? { providers: spoken } : {}),
        flow: {
          start: 'hello',
          nodes: [
            { id: 'hello', say: { text: texts.hello, next: 'question' } },
            { id: 'question', ask: { text: texts.question, answer: { kind: 'yes_no' }, next: 'answer' } },
            { id: 'answer', branch: { on: 'question', cases: [{ is: 'yes', next: 'glad' }], otherwise: 'sorry' } },
            { id: 'glad', end: { text: `${texts.glad} ${texts.bye}` } },
            { id: 'sorry', end: { text: `${texts.sorry} ${texts.bye}`, reason: 'not_reached' } },
          ],
        },
      }
    case 'llm':
      return { name, language, mode: 'llm', greeting: texts.hello, prompt: texts.prompt, providers: { ...spoken, llm: first('llm') }, tools: [{ kind: 'builtin', name: 'end_call' }] }
    case 'speech_to_speech':
      return { name, language, mode: 'speech_to_speech', prompt: texts.prompt, providers: { s2s: first('s2s')[0] ?? null }, tools: [{ kind: 'builtin', name: 'end_call' }] }
    case 'external':
      return { name, language, mode: 'external', providers: { bot: first('bot')[0] ?? null } }
  }
}

/** What a mode cannot do without and this organisation has not: the server would refuse the assistant. */
export function missing(kind: Starter, providers: Parameters<typeof providerNames>[0]): Schema['Stage'][] {
  const needs: Record<Starter, Schema['Stage'][]> = { flow: [], llm: ['llm', 'stt'], speech_to_speech: ['s2s'], external: ['bot'] }
  return needs[kind].filter((stage) => providerNames(providers, stage).length === 0)
}
