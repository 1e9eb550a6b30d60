import { describe, expect, it } from 'vitest'
import { may, mayCallBack } from './rules'

describe('what can be done to a contact', () => {
  it('holds who waits and lets go on who is held', () => {
    expect(may('suspend', { state: 'waiting' })).toBe(true)
    expect(may('resume', { state: 'suspended' })).toBe(true)
    expect(may('suspend', { state: 'suspended' })).toBe(false)
    expect(may('resume', { state: 'waiting' })).toBe(false)
  })

  it('takes back what was decided for the end of a live call', () => {
    expect(may('resume', { state: 'in_progress' })).toBe(false)
    expect(may('resume', { state: 'in_progress', hold: 'remove' })).toBe(true)
  })

  it('starts over who is finished, and nobody else', () => {
    expect(['done', 'failed', 'blocked'].map((state) => may('restart', { state: state as 'done' }))).toEqual([true, true, true])
    expect(may('restart', { state: 'in_progress' })).toBe(false)
    expect(may('remove', { state: 'removed' })).toBe(false)
  })

  it('arranges callbacks for who is still to be called', () => {
    expect(mayCallBack('callback')).toBe(true)
    expect(mayCallBack('done')).toBe(false)
  })
})
