/** One live call: its levels, what is said, and the ways to step in. It stays open when the call is over. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Skeleton } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { liveCallQuery, stepIn, type LiveCall, type Step } from '@/api/calls'
import { useAssistantName } from '@/api/organisation'
import { usePreference } from '@/api/preferences'
import { asProblem } from '@/api/problem'
import { useCan } from '@/api/session'
import { useKey } from '@/app/keys'
import { IconButton } from '@/ui/IconButton'
import { X } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { Duration, PhoneText, useGrouping } from '@/ui/values'
import { StandingTag } from '../list/StandingTag'
import { useListen } from '../listen/useListen'
import { TakenBar } from '../takeover/TakenBar'
import type { TakeOver } from '../takeover/session'
import { TakeOverModal } from '../takeover/TakeOverModal'
import { Actions } from './Actions'
import { LiveTranscript, type Whisper } from './LiveTranscript'
import { Over } from './Over'
import { offers } from './offers'
import { Sound } from './Sound'
import { WhisperBox } from './WhisperBox'

interface Props {
  id: string
  /** As the list has it, or had it last. */
  call: LiveCall | undefined
  /** The list no longer has it. */
  gone: boolean
  close: () => void
}

export default function LivePanel({ id, call: listed, gone, close }: Props) {
  const { t } = useTranslation('live')
  // A call at an address that the list does not have: live elsewhere, over, or never there.
  const alone = useQuery({ ...liveCallQuery(id), enabled: listed === undefined && gone })
  const call = listed ?? alone.data
  const over = (gone && listed !== undefined) || asProblem(alone.error ?? new Error()).code === 'call_over'
  return (
    <aside className="cw-live-panel" aria-label={t('panel')}>
      <header className="cw-live-head">
        <h2>{call?.contact ? <PhoneText number={call.contact} /> : t('unknown')}</h2>
        {call && !over && <StandingTag call={call} />}
        <span className="cw-actions">
          {call && !over && <strong><Duration since={call.answered_at ?? call.started_at} /></strong>}
          <IconButton icon={X} label={t('common:action.close')} onClick={close} />
        </span>
      </header>
      {call ? <Watched call={call} over={over} /> : <div className="cw-pad">{over ? <Over id={id} ended={undefined} /> : alone.error ? <ProblemAlert error={alone.error} /> : <Skeleton active />}</div>}
    </aside>
  )
}

function Watched({ call, over: unlisted }: { call: LiveCall; over: boolean }) {
  const { t } = useTranslation('live')
  const client = useQueryClient()
  const can = useCan()
  const fail = useFail()
  const confirm = useConfirm()
  const assistant = useAssistantName()(call.assistant_id)
  const [volume, setVolume] = usePreference('live.volume', 0.8)
  const [session, setSession] = useState<TakeOver>()
  const [asks, setAsks] = useState(false)
  const [whispers, setWhispers] = useState<Whisper[]>([])
  // Who speaks to the contact hears them by that way already.
  const listening = useListen(call.id, volume, session !== undefined)
  const over = unlisted || listening.ended !== undefined
  const offered = offers(call, { listen: can('calls:listen'), control: can('calls:control') }, over)
  const group = useGrouping()
  const contact = call.contact ? group(call.contact) : t('unknown')

  const step = async (wish: Step) => {
    try {
      await stepIn(client, call.id, wish)
      return true
    } catch (error) {
      fail(error)
      return false
    }
  }
  const hangUp = async () => {
    if (await confirm({ title: t('hang.title'), text: t('hang.text'), ok: t('act.hang_up'), danger: true })) void step('hang_up')
  }
  const handBack = async () => {
    const mine = session
    setSession(undefined)
    if (mine) await mine.end()
    else await step('hand_back')
  }
  const whisper = async (note: string) => {
    const sent = await step({ note })
    if (sent) setWhispers((all) => [...all, { text: note, after: listening.lines.length }])
    return sent
  }
  const acts = {
    listen: () => (listening.on ? listening.stop() : listening.start()),
    mute: () => void step(call.muted ? 'unmute' : 'mute'),
    take: () => setAsks(true),
    handBack: () => void handBack(),
    record: () => void step(call.off_record ? 'on_record' : 'off_record'),
    hangUp: () => void hangUp(),
  }
  useKey('l', acts.listen, offered.listen === undefined)
  useKey('m', acts.mute, offered.mute === undefined)
  useKey('t', acts.take, offered.take === undefined)
  useKey('h', acts.handBack, offered.handBack === undefined)
  useKey('w', () => document.querySelector<HTMLTextAreaElement>('[data-whisper]')?.focus(), offered.whisper === undefined)
  useLeave(session)

  return (
    <>
      <div className="cw-live-acts">
        <p className="cw-caption">{[assistant, call.off_record && t('off_record')].filter(Boolean).join(' · ')}</p>
        {over ? <Over id={call.id} ended={listening.ended} /> : <Sound listening={listening} volume={volume} setVolume={setVolume} />}
        {!over && <Actions call={call} offered={offered} listening={listening.on} mine={session !== undefined} acts={acts} />}
        {session && !over && <TakenBar contact={contact} session={session} handBack={acts.handBack} hangUp={acts.hangUp} />}
      </div>
      <LiveTranscript listening={listening} whispers={whispers} over={over} />
      {!over && <WhisperBox why={offered.whisper} send={whisper} />}
      {asks && <TakeOverModal callId={call.id} contact={contact} onTaken={setSession} onEnd={() => setSession(undefined)} close={() => setAsks(false)} />}
    </>
  )
}

/** Whoever closes the panel or the page hands the call back: the contact is never left alone. */
function useLeave(session: TakeOver | undefined): void {
  useEffect(() => {
    if (session === undefined) return
    const end = () => void session.end()
    addEventListener('pagehide', end)
    return () => {
      removeEventListener('pagehide', end)
      end()
    }
  }, [session])
}
