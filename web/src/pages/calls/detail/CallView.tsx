/** A call that is over: what was heard, what was said, how fast, over which messages. */
import '@/pages/calls/calls.css'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Alert, Skeleton } from 'antd'
import { useEffect, useMemo, useRef, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { callQuery, recordingUrl, waveformQuery, type CallDetail } from '@/api/calls'
import { asProblem } from '@/api/problem'
import { useSearch } from '@/app/search-params'
import { Empty } from '@/ui/Empty'
import { ProblemAlert } from '@/ui/Problem'
import { LatencyTab } from '../latency/LatencyTab'
import { farSide, useContactName } from '../parts'
import { PlayerBar } from '../player/PlayerBar'
import { useCallKeys } from '../player/useCallKeys'
import { usePlayer, type Player } from '../player/usePlayer'
import { Waveform } from '../player/Waveform'
import { SipTab } from '../sip/SipTab'
import { Transcript } from '../transcript/Transcript'
import { AnswersTab } from './AnswersTab'
import { CallHead } from './CallHead'
import { DetailsTab } from './DetailsTab'
import { EventsTab } from './EventsTab'
import { PanelTabs } from './PanelTabs'

const PANELS = ['answers', 'latency', 'sip', 'details', 'events'] as const
type Panel = (typeof PANELS)[number]

export function CallView({ id, actions }: { id: string; actions?: ReactNode }) {
  const { t } = useTranslation('calls')
  const query = useQuery(callQuery(id))
  if (query.data !== undefined) return <Loaded call={query.data} actions={actions} />
  return (
    <div className="cw-call">
      <div className="cw-call-head"><span className="cw-actions">{actions}</span></div>
      <div className="cw-pad">
        {query.isPending && <Skeleton active paragraph={{ rows: 8 }} />}
        {query.error && (asProblem(query.error).status === 404 ? <Missing id={id} /> : <ProblemAlert error={query.error} retry={() => void query.refetch()} />)}
        {query.error && <span className="cw-hidden" role="status">{t('missing.title')}</span>}
      </div>
    </div>
  )
}

/** A call that goes on has no record yet; one that was deleted has none any more. */
function Missing({ id }: { id: string }) {
  const { t } = useTranslation('calls')
  return <Empty text={<><strong>{t('missing.title')}</strong><br />{t('missing.text')}</>} action={<Link to="/live" search={{ call: id } as never} className="cw-link">{t('missing.live')}</Link>} />
}

function Loaded({ call: record, actions }: { call: CallDetail; actions: ReactNode }) {
  // Lines come as they ended; where both spoke at once that is not as they began.
  const call = useMemo(() => ({ ...record, transcript: [...record.transcript].sort((a, b) => a.from_ms - b.from_ms) }), [record])
  const { t } = useTranslation('calls')
  const [search, patch] = useSearch()
  const name = useContactName(call.contact_id)
  const contact = name ?? t('side.contact')
  const recorded = Boolean(call.recording_ms)
  const start = Number(search.at)
  const player = usePlayer(recorded ? recordingUrl(call.id) : undefined, call.recording_ms ?? 0, Number.isFinite(start) ? start * 1000 : 0, (ms) => patch({ at: (ms / 1000).toFixed(1), play: undefined }, { replace: true }))
  useCallKeys(player, call.transcript)
  usePlayAtOnce(player, search.play === '1')
  const panel: Panel = PANELS.find((one) => one === search.panel) ?? (call.answers.length > 0 || call.turns.length === 0 ? 'answers' : 'latency')
  const peaks = useQuery({ ...waveformQuery(call.id), enabled: recorded, refetchInterval: (query) => (query.state.data === null && Date.now() - Date.parse(call.ended_at) < 300_000 ? 10_000 : false) })
  return (
    <div className="cw-call">
      <CallHead call={call} name={name} number={farSide(call)} actions={actions} />
      {recorded ? (
        <div className="cw-call-player">
          {peaks.data ? <Waveform peaks={peaks.data} player={player} /> : <p className="cw-caption cw-wave-none">{peaks.isPending ? '' : t('player.no_picture')}</p>}
          <PlayerBar player={player} />
          {call.recording_fault && <Alert type="warning" showIcon title={t(`fault.${call.recording_fault}`)} />}
        </div>
      ) : (
        call.answered_at && <p className="cw-call-player cw-soft">{t(call.recording_fault ? `fault.${call.recording_fault}` : call.disclosed.refused_ms != null ? 'player.refused' : 'player.none')}</p>
      )}
      <div className="cw-call-body">
        <Transcript call={call} contact={contact} player={player} />
        <aside className="cw-call-side" aria-label={t('panel.label')}>
          <PanelTabs tabs={PANELS.map((key) => ({ key, label: t(`panel.${key}`) }))} open={panel} label={t('panel.label')} />
          <div className="cw-pane cw-pad" key={panel} tabIndex={0} role="region" aria-label={t(`panel.${panel}`)}>
            {panel === 'answers' && <AnswersTab call={call} player={player} />}
            {panel === 'latency' && <LatencyTab turns={call.turns} player={player} />}
            {panel === 'sip' && <SipTab call={call} />}
            {panel === 'details' && <DetailsTab call={call} />}
            {panel === 'events' && <EventsTab call={call} player={player} />}
          </div>
        </aside>
      </div>
    </div>
  )
}

/** A play button of a list opens the call and begins at once; the click was the gesture that browsers want. */
function usePlayAtOnce(player: Player, wanted: boolean): void {
  const done = useRef(false)
  useEffect(() => {
    if (!wanted || done.current || !player.has) return
    done.current = true
    player.seek(player.ms, true)
  })
}
