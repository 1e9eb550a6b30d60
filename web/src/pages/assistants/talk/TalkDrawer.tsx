/** Talking to an assistant through this browser: microphone, what is said, how fast it answers, a keypad. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { Alert, Button, Drawer } from 'antd'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Assistant } from '@/api/assistants'
import { api, read } from '@/api/client'
import { useCan } from '@/api/session'
import { MicrophoneRefused, NoMicrophone, talkTo, type Talk } from '@/api/talk'
import { Grip, Mic, PhoneOff } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { Duration, NumberText } from '@/ui/values'
import { useTranscript, type Said } from './transcript'

export default function TalkDrawer({ assistant, close }: { assistant: Assistant; close: () => void }) {
  const { t } = useTranslation('assistants')
  const can = useCan()
  const [talk, setTalk] = useState<Talk>()
  const [over, setOver] = useState<{ callId: string | undefined }>()
  const [since, setSince] = useState<string>()
  const open = useRef<Talk>(undefined)
  open.current = talk
  useEffect(() => () => void open.current?.hangUp(), [])

  const call = useMutation({
    async mutationFn() {
      setOver(undefined)
      const made: Talk = await talkTo(assistant.id, () => {
        setTalk(undefined)
        setOver({ callId: made?.callId })
      })
      setSince(new Date().toISOString())
      setTalk(made)
    },
  })
  const hangUp = () => {
    void talk?.hangUp()
    setOver({ callId: talk?.callId })
    setTalk(undefined)
  }
  const { lines, lost } = useTranscript(talk?.callId ?? over?.callId, talk !== undefined && can('calls:listen'))

  return (
    <Drawer open size={440} title={t('talk.title', { name: assistant.definition.name })} onClose={close} className="cw-talk-drawer">
      <div className="cw-stack">
        <Refused error={call.error} />
        {talk === undefined ? (
          <div className="cw-talk">
            {over === undefined && <p className="cw-soft">{t('talk.text', { version: assistant.version })}</p>}
            {over !== undefined && <p role="status">{t('talk.over')}</p>}
            <Button type="primary" size="large" icon={<Mic size={18} />} loading={call.isPending} onClick={() => call.mutate()}>{t(over === undefined ? 'talk.call' : 'talk.again')}</Button>
          </div>
        ) : (
          <div className="cw-talk">
            <div className="cw-line"><span role="status">{t('talk.on')}</span><Duration since={since} /></div>
            <Meter label={t('talk.you')} level={talk.heard} gain={3} side="contact" />
            <Meter label={t('talk.assistant')} level={talk.level} gain={1.3} side="agent" />
            <Keypad press={talk.press} />
            <Button danger size="large" icon={<PhoneOff size={18} />} onClick={hangUp}>{t('talk.hang_up')}</Button>
          </div>
        )}
        {over?.callId !== undefined && talk === undefined && can('calls:read') ? <After callId={over.callId} before={lines} /> : <Lines lines={lines} waiting={talk !== undefined} lost={lost} />}
      </div>
    </Drawer>
  )
}

/** Why there is no call: no permission, no microphone, or what the server said. */
function Refused({ error }: { error: unknown }) {
  const { t } = useTranslation('assistants')
  if (!error) return null
  if (error instanceof MicrophoneRefused) return <Alert type="warning" showIcon title={t('talk.refused')} description={t('talk.refused_text')} />
  if (error instanceof NoMicrophone) return <Alert type="warning" showIcon title={t('talk.no_microphone')} description={t('talk.no_microphone_text')} />
  return <ProblemAlert error={error} />
}

function Meter({ label, level, gain, side }: { label: string; level: () => number; gain: number; side: 'agent' | 'contact' }) {
  const bar = useRef<HTMLElement>(null)
  useEffect(() => {
    const timer = setInterval(() => {
      if (bar.current) bar.current.style.inlineSize = `${Math.min(100, Math.sqrt(level()) * gain * 100)}%`
    }, 80)
    return () => clearInterval(timer)
  }, [level, gain])
  return (
    <div className="cw-meter">
      <span className="cw-caption">{label}</span>
      <div className="cw-level" aria-hidden><i ref={bar} data-side={side} /></div>
    </div>
  )
}

const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#']

function Keypad({ press }: { press: (key: string) => void }) {
  const { t } = useTranslation('assistants')
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button icon={<Grip size={16} />} aria-expanded={open} onClick={() => setOpen(!open)}>{t('talk.keypad')}</Button>
      {open && <div className="cw-keypad" role="group" aria-label={t('talk.keypad')}>{KEYS.map((key) => <Button key={key} onClick={() => press(key)}>{key}</Button>)}</div>}
    </>
  )
}

function Lines({ lines, waiting, lost }: { lines: readonly Said[]; waiting: boolean; lost: boolean }) {
  const { t } = useTranslation('assistants')
  const end = useRef<HTMLLIElement>(null)
  useEffect(() => end.current?.scrollIntoView({ block: 'nearest' }), [lines.length])
  if (lines.length === 0 && !waiting) return null
  return (
    <>
      {lost && <p className="cw-warn">{t('talk.lost')}</p>}
      <ol className="cw-lines" aria-live="polite" aria-label={t('talk.transcript')}>
        {lines.length === 0 && <li className="cw-soft">{t('talk.nothing_said')}</li>}
        {lines.map((line, index) => (
          <li key={index} data-side={line.speaker === 'agent' ? 'agent' : 'contact'}>
            <small>{t(line.speaker === 'agent' ? 'talk.assistant' : 'talk.you')}</small>
            <span>{line.keys ? t('talk.pressed', { keys: line.text }) : line.text || t('talk.not_understood')}{line.cut && '…'}</span>
          </li>
        ))}
        <li ref={end} aria-hidden />
      </ol>
    </>
  )
}

/** The call as it was kept, with the delay of each answer. It is there a moment after the end. */
function After({ callId, before }: { callId: string; before: readonly Said[] }) {
  const { t } = useTranslation('assistants')
  const call = useQuery({ queryKey: ['calls', 'one', callId], queryFn: () => read(api.GET('/api/v1/calls/{id}', { params: { path: { id: callId } } })), retry: 5, retryDelay: 1_000 })
  if (call.data === undefined) return <Lines lines={before} waiting={false} lost={false} />
  const delays = call.data.turns.map((turn) => turn.replied).sort((a, b) => a - b)
  const lines = call.data.transcript.map((line) => ({ speaker: line.speaker, text: line.text, from_ms: line.from_ms, keys: line.keys ?? false, cut: line.cut ?? false }))
  return (
    <>
      <dl className="cw-facts-list">
        <dt>{t('talk.ended')}</dt><dd>{t(`common:reason.${call.data.reason}`)}</dd>
        <dt>{t('talk.turns')}</dt><dd><NumberText value={call.data.turns.length} /></dd>
        {delays.length > 0 && <><dt>{t('talk.delay')}</dt><dd>{t('talk.delay_ms', { median: delays[delays.length >> 1], longest: delays.at(-1) })}</dd></>}
      </dl>
      <Lines lines={lines} waiting={false} lost={false} />
    </>
  )
}
