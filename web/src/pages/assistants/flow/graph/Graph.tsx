/** The flow as a graph, drawn by xyflow. Blocks stand where the layout or a person puts them; that is kept in this browser. */
import { Background, MiniMap, ReactFlow, ReactFlowProvider, useReactFlow, type Connection, type Edge, type EdgeChange, type NodeChange } from '@xyflow/react'
import '@xyflow/react/dist/style.css'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMode } from '@/app/theme-mode'
import { BLOCK_WIDTH } from '../../model/layout'
import { exitsOf, KINDS, kindOf, nodeOf, textOf } from '../../model/steps'
import { useExitName } from '../../parts/words'
import { DRAGGED } from '../Palette'
import type { FlowEditor } from '../useFlow'
import { Block, type BlockNode } from './Block'
import { usePlaces } from './places'
import { Zoom } from './Zoom'

/** Text in blocks is 12 px: at this zoom it is 10. */
const LEGIBLE = 0.84
/** From here on there is a map. */
const MAP_FROM = 20
const TYPES = { block: Block }

interface Props {
  editor: FlowEditor
  id: string
  /** Counts how often "tidy up" was pressed. */
  tidied: number
}

export default function Graph(props: Props) {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  )
}

function Canvas({ editor, id, tidied }: Props) {
  const { t } = useTranslation('assistants')
  const mode = useMode()
  const exitName = useExitName()
  const { fitView, setCenter, getZoom, setViewport, screenToFlowPosition } = useReactFlow()
  const { places, place, settle, tidy } = usePlaces(id, editor.flow)
  const [sizes, setSizes] = useState<ReadonlyMap<string, { width: number; height: number }>>(new Map())
  const frame = useRef<HTMLDivElement>(null)
  const { flow, findings, chosen } = editor

  const nodes = useMemo<BlockNode[]>(
    () =>
      flow.nodes.map((node) => ({
        id: node.id,
        type: 'block',
        position: places.get(node.id) ?? { x: 0, y: 0 },
        ...(sizes.has(node.id) ? { measured: sizes.get(node.id)! } : {}),
        selected: chosen?.id === node.id,
        deletable: false,
        ariaLabel: `${t(`kind.${kindOf(node)}`)} ${node.id}. ${textOf(node)}`,
        data: {
          node,
          start: flow.start === node.id,
          exits: exitsOf(node).map((exit) => ({ ...exit, name: exitName(node, exit) })),
          worst: worst(findings.filter((finding) => finding.id === node.id)),
        },
      })),
    [flow, places, sizes, chosen?.id, findings, t],
  )
  const edges = useMemo<Edge[]>(
    () =>
      flow.nodes.flatMap((node) =>
        exitsOf(node)
          .filter((exit) => nodeOf(flow, exit.to) !== undefined)
          .map((exit) => ({ id: `${node.id}/${exit.key}`, source: node.id, sourceHandle: exit.key, target: exit.to, ariaLabel: t('flow.edge', { from: node.id, exit: exitName(node, exit), to: exit.to }), deletable: editor.editable })),
      ),
    [flow, editor.editable, t],
  )

  const look = () => {
    const start = nodes.find((node) => node.id === flow.start) ?? nodes[0]
    const room = frame.current?.getBoundingClientRect()
    const bounds = boundsOf(nodes)
    if (start === undefined || room === undefined) return
    const wanted = chosen && places.get(chosen.id)
    if (wanted) return void setCenter(wanted.x + BLOCK_WIDTH / 2, wanted.y + 50, { zoom: 0.9 })
    const zoom = Math.min(1, (room.width - 80) / bounds.width, (room.height - 80) / bounds.height)
    if (zoom >= LEGIBLE) return void fitView({ minZoom: LEGIBLE, maxZoom: 1, padding: '40px' })
    const high = (start.measured?.height ?? 100) / 2
    void setViewport({ x: 40 - start.position.x * 0.9, y: room.height / 2 - (start.position.y + high) * 0.9, zoom: 0.9 })
  }
  useEffect(() => {
    if (tidied === 0) return
    tidy(sizes)
    requestAnimationFrame(() => void fitView({ minZoom: 0.3, maxZoom: 1, padding: '40px' }))
  }, [tidied])
  // A block that was chosen elsewhere, such as in a finding, comes into view.
  useEffect(() => {
    const at = chosen && places.get(chosen.id)
    const room = frame.current?.getBoundingClientRect()
    const element = chosen && frame.current?.querySelector(`[data-id="${CSS.escape(chosen.id)}"]`)?.getBoundingClientRect()
    if (!at || !room || !element) return
    if (element.left < room.left || element.right > room.right || element.top < room.top || element.bottom > room.bottom) void setCenter(at.x + BLOCK_WIDTH / 2, at.y + 50, { zoom: getZoom(), duration: 180 })
  }, [chosen?.id])

  const onNodesChange = (changes: NodeChange<BlockNode>[]) => {
    const measured = changes.flatMap((change) => (change.type === 'dimensions' && change.dimensions ? [[change.id, change.dimensions] as const] : []))
    if (measured.length > 0) setSizes((old) => new Map([...old, ...measured]))
    for (const change of changes) {
      if (change.type === 'position' && change.position && editor.editable) place(change.id, change.position)
      if (change.type === 'position' && change.dragging === false) settle()
      if (change.type === 'select' && change.selected) editor.choose(change.id)
      if (change.type === 'select' && !change.selected && chosen?.id === change.id && !changes.some((other) => other.type === 'select' && other.selected)) editor.choose(undefined)
    }
  }
  const onEdgesChange = (changes: EdgeChange[]) => {
    for (const change of changes) if (change.type === 'remove') editor.connect(placeOf(change.id), '')
  }
  const onConnect = (made: Connection) => editor.connect({ id: made.source, key: made.sourceHandle ?? 'next' }, made.target)
  const onDrop = (event: React.DragEvent) => {
    const kind = KINDS.find((one) => one === event.dataTransfer.getData(DRAGGED))
    if (kind === undefined) return
    event.preventDefault()
    const at = screenToFlowPosition({ x: event.clientX, y: event.clientY })
    place(editor.add(kind, null), { x: at.x - BLOCK_WIDTH / 2, y: at.y - 20 })
    settle()
  }

  return (
    <div ref={frame} className="cw-graph" onDrop={onDrop} onDragOver={(event) => event.dataTransfer.types.includes(DRAGGED) && event.preventDefault()}>
      <ReactFlow<BlockNode>
        nodes={nodes}
        edges={edges}
        nodeTypes={TYPES}
        colorMode={mode}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onConnect={onConnect}
        onInit={() => requestAnimationFrame(look)}
        nodesConnectable={editor.editable}
        nodesDraggable={editor.editable}
        minZoom={0.2}
        maxZoom={1.6}
        multiSelectionKeyCode={null}
        selectionKeyCode={null}
        deleteKeyCode={['Backspace', 'Delete']}
        ariaLabelConfig={{
          'node.a11yDescription.default': t('flow.a11y_node'),
          'node.a11yDescription.keyboardDisabled': t('flow.a11y_node'),
          'edge.a11yDescription.default': t('flow.a11y_edge'),
          'minimap.ariaLabel': t('flow.map'),
          'handle.ariaLabel': t('flow.handle'),
        }}
      >
        <Background gap={20} size={1} />
        <Zoom />
        {flow.nodes.length > MAP_FROM && <MiniMap pannable zoomable ariaLabel={t('flow.map')} />}
      </ReactFlow>
    </div>
  )
}

function worst(found: readonly { severity: 'stops' | 'remark' }[]): 'stops' | 'remark' | undefined {
  return found.some((finding) => finding.severity === 'stops') ? 'stops' : found[0]?.severity
}

/** `node/exit` of an edge. Ids of blocks may have a slash, exits have none. */
function placeOf(edge: string): { id: string; key: string } {
  const at = edge.lastIndexOf('/')
  return { id: edge.slice(0, at), key: edge.slice(at + 1) }
}

function boundsOf(nodes: readonly BlockNode[]): { width: number; height: number } {
  const right = Math.max(...nodes.map((node) => node.position.x + BLOCK_WIDTH))
  const bottom = Math.max(...nodes.map((node) => node.position.y + (node.measured?.height ?? 100)))
  return { width: right - Math.min(...nodes.map((node) => node.position.x)), height: bottom - Math.min(...nodes.map((node) => node.position.y)) }
}
