/** What is wrong with the flow, in one line; open, each finding leads to its block. */
import { Button, Popover } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { CircleCheck, CircleX, TriangleAlert } from '@/ui/icons'
import type { Finding } from '../model/checks'
import { nodeOf } from '../model/steps'
import { useDraft } from '../parts/draft'
import { useExitName } from '../parts/words'
import type { FlowEditor } from './useFlow'

export function Findings({ editor }: { editor: FlowEditor }) {
  const { t } = useTranslation('assistants')
  const [open, setOpen] = useState(false)
  const stops = editor.findings.filter((finding) => finding.severity === 'stops').length
  const remarks = editor.findings.length - stops
  if (editor.findings.length === 0) return <span className="cw-findings-none" role="status"><CircleCheck size={15} aria-hidden /> {t('check.fine')}</span>
  const words = [stops > 0 && t('check.stops', { count: stops }), remarks > 0 && t('check.remarks', { count: remarks })].filter(Boolean).join(', ')
  const Icon = stops > 0 ? CircleX : TriangleAlert
  const go = (finding: Finding) => {
    setOpen(false)
    if (finding.id !== undefined) editor.choose(finding.id)
  }
  return (
    <Popover open={open} onOpenChange={setOpen} trigger="click" placement="bottomRight" arrow={false} content={<List editor={editor} go={go} />}>
      <Button size="small" className="cw-findings" data-tone={stops > 0 ? 'failure' : 'partial'} icon={<Icon size={14} />} aria-expanded={open} aria-haspopup="dialog">
        <span role="status">{words}</span>
      </Button>
    </Popover>
  )
}

function List({ editor, go }: { editor: FlowEditor; go: (finding: Finding) => void }) {
  const words = useFindingWords(editor)
  return (
    <ul className="cw-findings-list">
      {editor.findings.map((finding, index) => (
        <li key={index} className="cw-warn" data-tone={finding.severity === 'stops' ? 'failure' : undefined}>
          {finding.severity === 'stops' ? <CircleX size={14} aria-hidden /> : <TriangleAlert size={14} aria-hidden />}
          {finding.id === undefined ? <span>{words(finding)}</span> : <button type="button" className="cw-link" onClick={() => go(finding)}>{words(finding)}</button>}
        </li>
      ))}
    </ul>
  )
}

export function useFindingWords(editor: FlowEditor): (finding: Finding) => string {
  const { t } = useTranslation('assistants')
  const exitName = useExitName()
  const { definition } = useDraft()
  return (finding) => {
    const node = finding.id === undefined ? undefined : nodeOf(editor.flow, finding.id)
    const exit = finding.code === 'unconnected' && node ? exitName(node, { key: finding.of!, to: '', optional: false }) : undefined
    const code = finding.code === 'empty' && definition.mode !== 'flow' ? 'empty_guide' : finding.code
    return t(`finding.${code}`, { block: finding.id ?? '', of: exit ?? finding.of ?? '' })
  }
}
