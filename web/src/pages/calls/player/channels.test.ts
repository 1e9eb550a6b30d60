import { describe, expect, it } from 'vitest'
import { mix } from './channels'

describe('the sides of a recording', () => {
  it('are left and right as recorded', () => {
    expect(mix('both')).toEqual({ leftToLeft: 1, leftToRight: 0, rightToLeft: 0, rightToRight: 1 })
  })

  it('are heard with both ears when alone, and the other side not at all', () => {
    expect(mix('contact')).toEqual({ leftToLeft: 1, leftToRight: 1, rightToLeft: 0, rightToRight: 0 })
    expect(mix('agent')).toEqual({ leftToLeft: 0, leftToRight: 0, rightToLeft: 1, rightToRight: 1 })
  })
})
