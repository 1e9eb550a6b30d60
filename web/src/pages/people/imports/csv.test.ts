import { describe, expect, it } from 'vitest'
import { csvOf, meaning, preview, rowsOf, separatorOf } from './csv'

describe('a file', () => {
  it('is read whatever separates its cells', () => {
    expect(separatorOf('name;phone;offer\na,b;c')).toBe(';')
    expect(separatorOf('name\tphone')).toBe('\t')
    expect(separatorOf('')).toBe(',')
  })

  it('may quote cells', () => {
    expect(rowsOf('a,"b, ""c""\nd"\r\n1,2\n', ',')).toEqual([['a', 'b, "c"\nd'], ['1', '2']])
    expect(rowsOf('\ufeffa,b', ',')).toEqual([['a', 'b']])
    expect(rowsOf('a,5" nail', ',')).toEqual([['a', '5" nail']])
  })

  it('shows its first rows', () => {
    const text = 'name,phone\nAda,+4930\n\nBo,+4931\nCy,+49'
    expect(preview(text, true, 2)).toEqual({ separator: ',', columns: ['name', 'phone'], rows: [['Ada', '+4930'], ['Bo', '+4931']], total: 3 })
    expect(preview(text, false, 9)).toMatchObject({ rows: [['Ada', '+4930'], ['Bo', '+4931']], total: undefined })
  })

  it('is written so that it reads back', () => {
    const rows = [['a', 'b "c"'], ['1,2', 'x\ny']]
    expect(rowsOf(csvOf(rows), ',')).toEqual(rows)
  })
})

it('knows the columns that are fields', () => {
  expect(['Phone', 'time_zone', 'offer'].map(meaning)).toEqual(['field', 'field', 'variable'])
})
