import { describe, expect, it } from 'vitest'
import { isShown, moved, ordered } from './columns'

const columns = [{ key: 'name', fixed: 'start' as const }, { key: 'a' }, { key: 'b', hidden: true }, { key: 'c' }, { key: 'act', fixed: 'end' as const }]
const keys = (order?: string[]) => ordered(columns, order).map((column) => column.key)

describe('ordered', () => {
  it('keeps the order of the page without a choice', () => expect(keys()).toEqual(['name', 'a', 'b', 'c', 'act']))
  it('follows the choice between the fixed columns', () => expect(keys(['c', 'b', 'a'])).toEqual(['name', 'c', 'b', 'a', 'act']))
  it('puts a column that the choice does not know behind its neighbour', () => expect(keys(['c', 'a'])).toEqual(['name', 'c', 'a', 'b', 'act']))
  it('ignores columns that are gone', () => expect(keys(['x', 'a', 'b', 'c'])).toEqual(['name', 'a', 'b', 'c', 'act']))
})

describe('isShown', () => {
  it('hides what the page hides at first', () => expect(columns.filter((column) => isShown(column, undefined)).map((column) => column.key)).toEqual(['name', 'a', 'c', 'act']))
  it('shows what was chosen and what is fixed', () => expect(columns.filter((column) => isShown(column, ['b'])).map((column) => column.key)).toEqual(['name', 'b', 'act']))
})

describe('moved', () => {
  it('moves by one', () => expect(moved(['a', 'b', 'c'], 'a', 1)).toEqual(['b', 'a', 'c']))
  it('stays at the ends', () => expect(moved(['a', 'b', 'c'], 'c', 1)).toEqual(['a', 'b', 'c']))
})
