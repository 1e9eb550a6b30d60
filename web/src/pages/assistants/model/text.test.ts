import { describe, expect, it } from 'vitest'
import type { Definition } from '@/api/assistants'
import { begin, changed, redo, undo } from './history'
import { complete, completionAt, fill, namesIn, pieces, proposals, unknownNames } from './template'
import { renameVariable, usesOf } from './variables'

describe('names in a text', () => {
  it.each([
    ['Hello {{ first_name }}, it is {{weekday}}.', ['first_name', 'weekday']],
    ['{% if day and not done %}{{ day|upper }}{% endif %}', ['day', 'done', 'day']],
    ['{{ slots.first }} {{ name | default("there") }}', ['slots.first', 'name']],
    ['{% for slot in slots %}{{ slot }}{% endfor %}', []],
    ['no braces { here }', []],
  ])('%s', (text, names) => expect(namesIn(text).map((span) => span.name)).toEqual(names))

  it('tells which are not known', () => {
    expect(unknownNames('{{ a }} {{ b.c }} {{ b.c }}', new Set(['a']))).toEqual(['b.c'])
    expect(pieces('x {{ a }} y', new Set())).toEqual([{ text: 'x {{ ' }, { text: 'a', mark: 'unknown' }, { text: ' }} y' }])
  })
})

describe('completion', () => {
  it.each([
    ['Hello {{', 8, { from: 8, typed: '' }],
    ['Hello {{ fi', 11, { from: 9, typed: 'fi' }],
    ['Hello {{ fi }} there', 20, undefined],
    ['Hello', 5, undefined],
  ])('in %s', (text, caret, at) => expect(completionAt(text, caret)).toEqual(at))

  it('offers what begins so before what contains it', () => {
    expect(proposals(['weekday', 'day', 'name'], 'day')).toEqual(['day', 'weekday'])
  })

  it('puts the name in, closed once', () => {
    expect(complete('Hello {{fi there', 10, 'first_name')).toEqual({ text: 'Hello {{ first_name }} there', caret: 22 })
    expect(complete('Hello {{ fi }} there', 11, 'first_name')).toEqual({ text: 'Hello {{ first_name }} there', caret: 22 })
  })
})

describe('history', () => {
  it('takes back and does again', () => {
    const three = changed(changed(begin(1), 2, 0), 3, 10)
    expect(undo(three).now).toBe(2)
    expect(redo(undo(three)).now).toBe(3)
    expect(undo(undo(undo(three))).now).toBe(1)
    expect(redo(three)).toBe(three)
  })

  it('joins what is typed in one place without a pause', () => {
    const typed = changed(changed(begin('a'), 'ab', 0, 'name'), 'abc', 500, 'name')
    expect(undo(typed).now).toBe('a')
    expect(undo(changed(typed, 'abcd', 9_000, 'name')).now).toBe('abc')
    expect(undo(changed(typed, 'x', 600, 'prompt')).now).toBe('abc')
  })

  it('forgets what was taken back when something else is done', () => {
    expect(changed(undo(changed(begin(1), 2, 0)), 5, 1).future).toEqual([])
  })
})

describe('variables', () => {
  const definition: Definition = {
    name: 'x {{ day }}',
    greeting: 'Hello {{ day }}',
    variables: { day: {}, week: { default: '' } },
    flow: { start: 'a', nodes: [{ id: 'a', branch: { on: 'day.name', cases: [], otherwise: 'b' } }, { id: 'b', say: { text: '{% if day %}{{ day | upper }}{% endif %}', next: 'c' } }, { id: 'c', end: {} }] },
    tools: [{ kind: 'http', name: 't', description: 'd', url: 'https://x.example/{{ week }}' }],
  }

  it('are found where they are used', () => {
    expect(usesOf(definition, 'day')).toEqual(['greeting', '/flow/a', '/flow/b'])
    expect(usesOf(definition, 'week')).toEqual(['other'])
  })

  it('get another name everywhere', () => {
    const renamed = renameVariable(definition, 'day', 'date')
    expect(renamed.greeting).toBe('Hello {{ date }}')
    expect(renamed.flow!.nodes[0]!.branch!.on).toBe('date.name')
    expect(renamed.flow!.nodes[1]!.say!.text).toBe('{% if date %}{{ date | upper }}{% endif %}')
    expect(Object.keys(renamed.variables!)).toEqual(['date', 'week'])
  })

  it('are filled in where a value is there', () => {
    expect(fill('Hello {{ a }}, {{ b }}', (name) => (name === 'a' ? 'Ada' : undefined))).toBe('Hello Ada, {{ b }}')
  })
})
