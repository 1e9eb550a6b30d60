/** Step 5: the first run ends with a voice. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Button } from 'antd'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, read } from '@/api/client'
import { assistantsQuery } from '@/api/organisation'
import { MicrophoneRefused, NoMicrophone, talkTo, type Talk } from '@/api/talk'
import { Mic, PhoneOff } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'

export default function TalkStep({ next }: { next: () => void }) {
  const { t } = useTranslation('entrance')
  const client = useQueryClient()
  const assistants = useQuery(assistantsQuery)
  const [talk, setTalk] = useState<Talk>()
  const [over, setOver] = useState(false)
  const open = useRef<Talk>(undefined)
  open.current = talk
  useEffect(() => () => void open.current?.hangUp(), [])

  const call = useMutation({
    async mutationFn() {
      const id = assistants.data?.items[0]?.id ?? (await firstAssistant(t)).id
      await client.invalidateQueries({ queryKey: assistantsQuery.queryKey })
      const ended = () => {
        setTalk(undefined)
        setOver(true)
      }
      setOver(false)
      setTalk(await talkTo(id, ended))
    },
  })
  const hangUp = () => {
    void talk?.hangUp()
    setTalk(undefined)
    setOver(true)
  }
  const refused = call.error instanceof MicrophoneRefused ? t('setup.mic_refused') : call.error instanceof NoMicrophone ? t('setup.mic_none') : undefined

  return (
    <>
      <p className="cw-soft">{t('setup.call_text')}</p>
      {refused !== undefined && <Alert type="warning" showIcon title={refused} />}
      {call.error !== null && refused === undefined && <ProblemAlert error={call.error} />}
      {over && <Alert type="success" showIcon title={t('setup.call_over')} />}
      <div className="cw-talk">
        {talk === undefined ? (
          <Button type="primary" size="large" icon={<Mic size={18} />} loading={call.isPending} disabled={assistants.isPending} onClick={() => call.mutate()}>{t('setup.call')}</Button>
        ) : (
          <>
            <Level talk={talk} />
            <Button danger size="large" icon={<PhoneOff size={18} />} onClick={hangUp}>{t('setup.hang_up')}</Button>
          </>
        )}
      </div>
      <div className="cw-form-foot">
        <Button type={over ? 'primary' : 'default'} onClick={next}>{over ? t('setup.finish') : t('common:action.skip')}</Button>
      </div>
    </>
  )
}

/** How loud the assistant speaks, so that one sees that something comes. */
function Level({ talk }: { talk: Talk }) {
  const bar = useRef<HTMLElement>(null)
  useEffect(() => {
    const timer = setInterval(() => {
      if (bar.current) bar.current.style.inlineSize = `${Math.min(100, Math.sqrt(talk.level()) * 130)}%`
    }, 80)
    return () => clearInterval(timer)
  }, [talk])
  return <div className="cw-level" aria-hidden><i ref={bar} /></div>
}

/** An assistant that greets, asks one question and thanks: it needs no provider. */
async function firstAssistant(t: (key: string) => string) {
  const body = {
    name: t('setup.first.name'),
    language: 'en',
    flow: {
      start: 'hello',
      nodes: [
        { id: 'hello', say: { text: t('setup.first.hello'), next: 'ask' } },
        { id: 'ask', ask: { text: t('setup.first.ask'), name: 'heard', answer: { kind: 'yes_no' as const }, next: 'bye' } },
        { id: 'bye', end: { text: t('setup.first.bye') } },
      ],
    },
  }
  return read(api.POST('/api/v1/assistants', { body }))
}
