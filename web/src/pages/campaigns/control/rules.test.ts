import { describe, expect, it } from 'vitest'
import type { Schema } from '@/api/client'
import { mainAct, whyNot, type Act } from './rules'

const states: Schema['CampaignState'][] = ['draft', 'in_progress', 'paused', 'completed', 'cancelled', 'deleting']
const everything = () => true

function allowed(act: Act): string[] {
  return states.filter((state) => whyNot(act, { state }, everything) === undefined)
}

describe('what can be done in which state', () => {
  it.each<[Act, string[]]>([
    ['start', ['draft']],
    ['pause', ['in_progress']],
    ['resume', ['paused', 'completed']],
    ['cancel', ['in_progress', 'paused']],
    ['stop', ['in_progress']],
    ['merge', ['draft', 'paused', 'completed']],
    ['edit', ['draft', 'in_progress', 'paused', 'completed']],
    ['duplicate', ['draft', 'in_progress', 'paused', 'completed', 'cancelled']],
    ['delete', ['draft', 'in_progress', 'paused', 'completed', 'cancelled']],
  ])('%s in %j', (act, where) => {
    expect(allowed(act)).toEqual(where)
  })
})

it('needs the right, and says so first', () => {
  expect(whyNot('pause', { state: 'draft' }, (scope) => scope === 'campaigns:write')).toBe('right')
  expect(whyNot('delete', { state: 'draft' }, (scope) => scope === 'campaigns:write')).toBeUndefined()
})

it('has one button for running', () => {
  expect(states.map((state) => mainAct({ state }))).toEqual(['start', 'pause', 'resume', 'resume', 'resume', 'resume'])
})
