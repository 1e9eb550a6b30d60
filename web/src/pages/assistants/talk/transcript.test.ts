import { expect, it } from 'vitest'
import { withLine } from './transcript'

it('puts lines where they began, whenever they are told', () => {
  const line = (speaker: 'agent' | 'caller', from_ms: number) => ({ speaker, text: String(from_ms), from_ms, to_ms: from_ms + 10 })
  const lines = [line('agent', 100), line('agent', 900), line('caller', 500), line('caller', 900)].reduce(withLine, [] as ReturnType<typeof withLine>)
  expect(lines.map((one) => `${one.speaker} ${one.from_ms}`)).toEqual(['agent 100', 'caller 500', 'agent 900', 'caller 900'])
})
