import { describe, expect, it } from 'vitest'
import { fieldName } from './FormErrors'

describe('a JSON Pointer as the name of a field', () => {
  it.each([
    ['/name', ['name']],
    ['/settings/calls_per_minute', ['settings', 'calls_per_minute']],
    ['/schedule/runs/0/slots/1', ['schedule', 'runs', 0, 'slots', 1]],
    ['/variables/a~1b~0c', ['variables', 'a/b~c']],
    ['', []],
  ])('%s', (pointer, name) => {
    expect(fieldName(pointer)).toEqual(name)
  })
})
