import { describe, expect, it } from 'vitest'
import type { Flow } from '@/api/assistants'
import { check, type FindingCode } from './checks'
import { add, connect, duplicate, freeId, paste, remove, rename } from './edit'
import { BLOCK_WIDTH, tidy, walk } from './layout'
import { outline } from './outline'
import { exitsOf, kindOf, nodeOf, withExit } from './steps'

/** A question, a branch on its answer, two ends. */
const flow: Flow = {
  start: 'hello',
  nodes: [
    { id: 'hello', say: { text: 'Hello {{ name }}.', next: 'well' } },
    { id: 'well', ask: { text: 'Are you well?', answer: { kind: 'yes_no' }, next: 'how' } },
    { id: 'how', branch: { on: 'well', cases: [{ is: 'yes', next: 'glad' }], otherwise: 'bye' } },
    { id: 'glad', say: { text: 'I am glad.', next: 'bye' } },
    { id: 'bye', end: { text: 'Goodbye.' } },
  ],
}
const codes = (of: Flow, more: object = { variables: { name: {} } }): FindingCode[] => check({ flow: of, ...more }).map((finding) => finding.code)

describe('steps', () => {
  it('tells kinds and ways out', () => {
    expect(flow.nodes.map(kindOf)).toEqual(['say', 'ask', 'branch', 'say', 'end'])
    expect(exitsOf(nodeOf(flow, 'how')!)).toEqual([{ key: 'case:0', to: 'glad', optional: false }, { key: 'otherwise', to: 'bye', optional: false }])
    expect(exitsOf({ id: 't', tool: { name: 'x', next: 'a' } })[1]).toEqual({ key: 'on_error', to: '', optional: true })
  })

  it('leads one exit elsewhere and leaves the others', () => {
    expect(withExit(nodeOf(flow, 'how')!, 'case:0', 'bye').branch).toEqual({ on: 'well', cases: [{ is: 'yes', next: 'bye' }], otherwise: 'bye' })
    expect(withExit({ id: 't', tool: { name: 'x', next: 'a', on_error: 'b' } }, 'on_error', '').tool?.on_error).toBeNull()
  })
})

describe('edit', () => {
  it('puts a block between two others', () => {
    const grown = add(flow, 'say', { id: 'hello', key: 'next' })
    expect(nodeOf(grown.flow, 'hello')!.say!.next).toBe(grown.id)
    expect(nodeOf(grown.flow, grown.id)!.say!.next).toBe('well')
  })

  it('begins an empty flow with its first block', () => {
    const first = add({ start: '', nodes: [] }, 'end')
    expect(first.flow).toEqual({ start: 'end', nodes: [{ id: 'end', end: { text: '' } }] })
  })

  it('joins what stood before and behind a removed block', () => {
    expect(nodeOf(remove(flow, 'glad'), 'how')!.branch!.cases[0]!.next).toBe('bye')
    expect(remove(flow, 'hello').start).toBe('well')
  })

  it('leaves a way open where a removed branch had several', () => {
    expect(nodeOf(remove(flow, 'how'), 'well')!.ask!.next).toBe('')
  })

  it('follows a new id in targets and in branches on its answer', () => {
    const renamed = rename(flow, 'well', 'health')
    expect(nodeOf(renamed, 'hello')!.say!.next).toBe('health')
    expect(nodeOf(renamed, 'how')!.branch!.on).toBe('health')
    expect(codes(renamed)).toEqual([])
  })

  it('copies a block under a free id, and forgets ways to blocks that are not here', () => {
    expect(duplicate(flow, 'bye')!.id).toBe('bye_2')
    expect(nodeOf(paste({ start: '', nodes: [] }, nodeOf(flow, 'glad')!).flow, 'glad')!.say!.next).toBe('')
    expect(freeId(duplicate(flow, 'bye')!.flow, 'bye')).toBe('bye_3')
  })
})

describe('checks', () => {
  it('finds nothing in a whole flow', () => expect(codes(flow)).toEqual([]))
  it('asks for a flow', () => expect(codes({ start: '', nodes: [] })).toEqual(['empty']))
  it('misses a start', () => expect(codes({ ...flow, start: 'nobody' })).toContain('no_start'))

  it('finds what no path leads to', () => {
    const lonely = { ...flow, nodes: [...flow.nodes, { id: 'lonely', end: {} }] }
    expect(check({ flow: lonely, variables: { name: {} } })).toEqual([{ code: 'unreachable', severity: 'stops', id: 'lonely' }])
  })

  it('finds ways that lead nowhere, and lets optional ones be', () => {
    expect(check({ flow: connect(flow, { id: 'how', key: 'otherwise' }, 'gone'), variables: { name: {} } })).toContainEqual({ code: 'unconnected', severity: 'stops', id: 'how', of: 'otherwise' })
    const tool: Flow = { start: 't', nodes: [{ id: 't', tool: { name: 'opt_out', next: 'e' } }, { id: 'e', end: {} }] }
    expect(codes(tool)).toEqual([])
  })

  it('remarks a question whose answer nobody looks at', () => {
    const silent = connect(flow, { id: 'well', key: 'next' }, 'glad')
    expect(check({ flow: { ...silent, nodes: silent.nodes.filter((node) => node.id !== 'how') }, variables: { name: {} } })).toEqual([{ code: 'no_silence_path', severity: 'remark', id: 'well' }])
  })

  it('finds circles in which nothing is asked, and circles without an end', () => {
    expect(codes(connect(flow, { id: 'glad', key: 'next' }, 'glad'))).toContain('endless_circle')
    const asking = connect(connect(flow, { id: 'glad', key: 'next' }, 'well'), { id: 'how', key: 'otherwise' }, 'well')
    expect(codes({ ...asking, nodes: asking.nodes.filter((node) => node.id !== 'bye') })).toContain('no_exit')
  })

  it('knows variables, answers, results and what every call has', () => {
    expect(codes(flow, {})).toEqual(['unknown_variable'])
    const texts: Flow = { start: 't', nodes: [{ id: 't', tool: { name: 'slots', into: 'found', next: 'e' } }, { id: 'e', end: { text: '{{ found.first }} {{ today }}' } }] }
    expect(codes(texts, { tools: [{ kind: 'http', name: 'slots', description: 'x', url: 'https://x.example' }] })).toEqual([])
    expect(codes(texts, {})).toEqual(['unknown_tool'])
  })

  it('refuses an answer that is called as a variable is', () => expect(codes(flow, { variables: { name: {}, well: {} } })).toEqual(['is_variable']))

  it('misses targets, texts and choices', () => {
    const poor: Flow = {
      start: 'a',
      nodes: [
        { id: 'a', ask: { text: ' ', answer: { kind: 'choice', options: [] }, next: 'b' } },
        { id: 'b', branch: { on: 'a', cases: [{ is: 'x', next: 'c' }], otherwise: 'c' } },
        { id: 'c', transfer: { target: 'desk', on_declined: 'd' } },
        { id: 'd', end: {} },
      ],
    }
    expect(codes(poor)).toEqual(['no_text', 'few_choices', 'unknown_target'])
  })
})

describe('layout', () => {
  it('goes from left to right, and never lays blocks over each other', () => {
    const places = tidy(flow, () => 100)
    expect(walk(flow)).toEqual(['hello', 'well', 'how', 'glad', 'bye'])
    expect(places.get('hello')).toEqual({ x: 0, y: 0 })
    expect(places.get('bye')!.x).toBeGreaterThan(places.get('glad')!.x)
    const all = [...places.values()]
    for (const [index, a] of all.entries()) for (const b of all.slice(index + 1)) expect(Math.abs(a.x - b.x) >= BLOCK_WIDTH || Math.abs(a.y - b.y) >= 100).toBe(true)
  })

  it('ends with a circle', () => {
    const round = connect(flow, { id: 'glad', key: 'next' }, 'hello')
    expect(tidy(round, () => 80).size).toBe(5)
  })
})

describe('outline', () => {
  it('indents what branches off, and points to what stands elsewhere', () => {
    expect(outline(flow).map((row) => `${'  '.repeat(row.depth)}${row.kind} ${row.kind === 'node' ? row.node.id : row.exit.to}`)).toEqual([
      'node hello', 'node well', 'node how', '  exit glad', '    node glad', '    node bye', '  exit bye', '    jump bye',
    ])
  })

  it('shows ways that lead nowhere, and blocks that nothing leads to', () => {
    const broken = connect({ ...flow, nodes: [...flow.nodes, { id: 'lonely', end: {} }] }, { id: 'hello', key: 'next' }, '')
    const rows = outline(broken)
    expect(rows[1]).toMatchObject({ kind: 'open', from: 'hello' })
    expect(rows.filter((row) => row.kind === 'node' && !row.reached).map((row) => row.kind === 'node' && row.node.id)).toContain('lonely')
  })
})
