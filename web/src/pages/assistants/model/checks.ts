/**
 * What is wrong with a flow, found while it is drawn. The server checks it again when it is saved; what it alone can
 * know, such as words its recogniser cannot hear, comes back from there.
 */
import type { Definition, Flow } from '@/api/assistants'
import { answerName, exitsOf, kindOf, nodeOf } from './steps'
import { unknownNames } from './template'

/** `stops`: the server refuses the flow. `remark`: it works, and somebody should look at it. */
export interface Finding {
  code: FindingCode
  severity: 'stops' | 'remark'
  /** The node; absent when the flow as a whole is meant. */
  id?: string
  /** The exit, or the name that is not known. */
  of?: string
}

export type FindingCode =
  | 'empty' | 'no_start' | 'unreachable' | 'unconnected' | 'no_exit' | 'endless_circle' | 'no_silence_path' | 'no_text' | 'no_subject' | 'no_cases'
  | 'unknown_tool' | 'unknown_target' | 'unknown_variable' | 'few_choices' | 'same_id' | 'is_variable'

/** Tools that come with the server; a flow may name them without declaring them. */
export const BUILTINS = ['end_call', 'transfer', 'send_dtmf', 'collect_digits', 'schedule_callback', 'opt_out', 'record_answer', 'mark_success'] as const

export function check(definition: Pick<Definition, 'flow' | 'variables' | 'tools' | 'transfers'>): Finding[] {
  const { flow } = definition
  if (!flow || flow.nodes.length === 0) return [{ code: 'empty', severity: 'stops' }]
  return [...shape(flow), ...contents(flow, definition)]
}

/** How the nodes hang together. */
function shape(flow: Flow): Finding[] {
  const found: Finding[] = []
  if (nodeOf(flow, flow.start) === undefined) found.push({ code: 'no_start', severity: 'stops' })
  const reached = reachable(flow, [flow.start])
  const ending = leadsToAnEnd(flow)
  const circling = circles(flow)
  const seen = new Set<string>()
  for (const node of flow.nodes) {
    const { id } = node
    if (seen.has(id)) found.push({ code: 'same_id', severity: 'stops', id })
    seen.add(id)
    if (!reached.has(id)) found.push({ code: 'unreachable', severity: 'stops', id })
    const open = exitsOf(node).filter((exit) => nodeOf(flow, exit.to) === undefined && !(exit.optional && exit.to === ''))
    for (const exit of open) found.push({ code: 'unconnected', severity: 'stops', id, of: exit.key })
    if (circling.has(id)) found.push({ code: 'endless_circle', severity: 'stops', id })
    else if (reached.has(id) && open.length === 0 && !ending.has(id)) found.push({ code: 'no_exit', severity: 'stops', id })
    if (node.ask && !silenceIsMet(flow, id)) found.push({ code: 'no_silence_path', severity: 'remark', id })
  }
  return found
}

/** What the nodes say and name. */
function contents(flow: Flow, definition: Pick<Definition, 'variables' | 'tools' | 'transfers'>): Finding[] {
  const known = knownNames(flow, definition)
  const targets = new Set(definition.transfers?.map((transfer) => transfer.name))
  return flow.nodes.flatMap((node) => {
    const { id } = node
    const found: Finding[] = []
    const stops = (code: FindingCode, of?: string) => found.push({ code, severity: 'stops', id, ...(of === undefined ? {} : { of }) })
    if ((node.say && !node.say.text.trim()) || (node.ask && !node.ask.text.trim())) stops('no_text')
    const answer = answerName(node)
    if (answer !== undefined && answer in (definition.variables ?? {})) stops('is_variable', answer)
    if (node.branch && !node.branch.on.trim()) stops('no_subject')
    if (node.branch?.cases.length === 0) stops('no_cases')
    if (node.ask?.answer.kind === 'choice' && node.ask.answer.options.length < 2) stops('few_choices')
    if (node.tool && !knowsTool(definition, node.tool.name)) stops('unknown_tool', node.tool.name)
    if (node.transfer && !targets.has(node.transfer.target)) stops('unknown_target', node.transfer.target)
    const texts = [node.say?.text, node.ask?.text, node.ask?.hint, node.tool?.text, node.transfer?.text, node.end?.text]
    const strange = new Set(texts.flatMap((text) => unknownNames(text ?? '', known)))
    if (node.branch?.on.trim() && !known.has(node.branch.on.trim().split('.')[0]!)) strange.add(node.branch.on.trim())
    for (const name of strange) stops('unknown_variable', name)
    return found
  })
}

/** Names that texts of the flow may use: variables, what every call has, answers, and results of tools. */
export function knownNames(flow: Flow | null | undefined, definition: Pick<Definition, 'variables'>): Set<string> {
  const names = new Set([...Object.keys(definition.variables ?? {}), ...ALWAYS])
  for (const node of flow?.nodes ?? []) {
    const answer = answerName(node)
    if (answer !== undefined) names.add(answer)
    if (node.tool?.into) names.add(node.tool.into)
  }
  return names
}

/** Values that every call has without declaring them. */
export const ALWAYS = ['today', 'weekday', 'time'] as const

function knowsTool(definition: Pick<Definition, 'tools'>, name: string): boolean {
  if ((BUILTINS as readonly string[]).includes(name)) return true
  return definition.tools?.some((tool) => (tool.kind === 'mcp' ? name.startsWith(`${tool.name}_`) : tool.name === name)) ?? false
}

function reachable(flow: Flow, from: string[]): Set<string> {
  const reached = new Set<string>()
  const open = [...from]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const node = nodeOf(flow, id)
    if (node === undefined || reached.has(id)) continue
    reached.add(id)
    open.push(...exitsOf(node).map((exit) => exit.to))
  }
  return reached
}

/** Nodes from which the call can come to an end; a transfer that is taken is one. */
function leadsToAnEnd(flow: Flow): Set<string> {
  const good = new Set(flow.nodes.filter((node) => kindOf(node) === 'end' || kindOf(node) === 'transfer').map((node) => node.id))
  for (let grew = true; grew; ) {
    grew = false
    for (const node of flow.nodes) {
      if (good.has(node.id) || !exitsOf(node).some((exit) => good.has(exit.to))) continue
      good.add(node.id)
      grew = true
    }
  }
  return good
}

/** Nodes of circles in which nothing is asked: the call would go round without the caller. */
function circles(flow: Flow): Set<string> {
  const quiet: Flow = { ...flow, nodes: flow.nodes.filter((node) => node.ask == null && node.transfer == null) }
  return new Set(quiet.nodes.filter((node) => reachable(quiet, exitsOf(node).map((exit) => exit.to)).has(node.id)).map((node) => node.id))
}

/** Whether some branch behind a question looks at its answer: a missing one then has a way of its own. */
function silenceIsMet(flow: Flow, id: string): boolean {
  const ask = nodeOf(flow, id)!
  const name = answerName(ask)
  const behind = reachable(flow, [ask.ask!.next])
  // What goes straight to the end needs no second way.
  if (nodeOf(flow, ask.ask!.next)?.end != null) return true
  return flow.nodes.some((node) => behind.has(node.id) && node.branch?.on.split('.')[0] === name)
}
