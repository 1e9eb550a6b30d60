/**
 * The campaign that is being written. A new one is kept in the browser until it is first saved, a draft saves itself a
 * moment after every change, and a campaign that was started is saved when somebody says so.
 */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { campaignQuery, type Campaign } from '@/api/campaigns'
import { api, read } from '@/api/client'
import { local, remember } from '@/api/preferences'
import { asProblem, type Problem } from '@/api/problem'
import { HERE } from '@/ui/ZoneSelect'
import { draftOf, inputFrom, missing, newDraft, STEPS, type Draft, type Step } from './draft'

/** Milliseconds after the last change. */
const PAUSE = 1_200
const KEPT = 'wizard.new'

export interface Wizard {
  draft: Draft
  campaign: Campaign | undefined
  change: (change: Partial<Draft>) => void
  /** Answers whether the server has it now. With `step` the address goes there. */
  save: (step?: Step) => Promise<Campaign | undefined>
  saving: boolean
  dirty: boolean
  /** When the server took it last, in milliseconds. */
  savedAt: number | undefined
  problem: Problem | undefined
  /** Somebody else has changed it: what they made of it. */
  theirs: Campaign | undefined
  takeTheirs: () => void
  keepMine: () => Promise<void>
  /** It was begun before in this browser. */
  found: boolean
  startOver: () => void
}

export function useDraft(id: string | undefined): Wizard | { error: unknown; retry: () => void } | undefined {
  const query = useQuery({ ...campaignQuery(id ?? ''), enabled: id !== undefined, refetchOnWindowFocus: false })
  const wizard = useWizard(id, query.data)
  if (id !== undefined && query.error !== null && query.data === undefined) return { error: query.error, retry: () => void query.refetch() }
  return wizard
}

function useWizard(id: string | undefined, read: Campaign | undefined): Wizard | undefined {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const client = useQueryClient()
  const navigate = useNavigate()
  const fresh = () => newDraft(HERE, t('details.goal_example'))
  const kept = () => (id === undefined ? (local(KEPT) as Draft | undefined) : undefined)
  const [found, setFound] = useState(() => kept() !== undefined)
  const [draft, setDraft] = useState<Draft | undefined>(() => (id === undefined ? (kept() ?? fresh()) : undefined))
  const [base, setBase] = useState<Campaign>()
  const [dirty, setDirty] = useState(false)
  const [saving, setSaving] = useState(false)
  const [savedAt, setSavedAt] = useState<number>()
  const [problem, setProblem] = useState<Problem>()
  const [theirs, setTheirs] = useState<Campaign>()
  const latest = useRef(draft)
  latest.current = draft

  if (id !== undefined && base === undefined && read !== undefined) {
    setBase(read)
    setDraft(draftOf(read))
    setSavedAt(Date.parse(read.updated_at))
  }

  const save = async (step?: Step): Promise<Campaign | undefined> => {
    const sent = latest.current
    const input = sent && inputFrom(sent)
    if (input === undefined) return undefined
    setSaving(true)
    try {
      const saved = base === undefined ? await create(input) : await put(base, input)
      if (saved instanceof Conflict) {
        setTheirs(saved.campaign)
        return undefined
      }
      client.setQueryData(campaignQuery(saved.id).queryKey, saved)
      void client.invalidateQueries({ queryKey: ['campaigns'], predicate: (one) => one.queryKey[1] !== 'one' })
      setBase(saved)
      setProblem(undefined)
      setSavedAt(Date.now())
      if (latest.current === sent) setDirty(false)
      if (base === undefined) {
        remember(KEPT, undefined)
        setDirty(false)
        void navigate({ to: `/campaigns/${saved.id}/edit`, search: { step } as never, replace: true, ignoreBlocker: true })
      }
      return saved
    } catch (error) {
      setProblem(asProblem(error))
      return undefined
    } finally {
      setSaving(false)
    }
  }

  const saveSoon = useEffectEvent(() => {
    if (!saving && theirs === undefined) void save()
  })
  const itself = base?.state === 'draft' && dirty && theirs === undefined
  useEffect(() => {
    if (!itself || draft === undefined || STEPS.some((step) => missing(step, draft, Date.now()).length > 0)) return
    const timer = setTimeout(saveSoon, PAUSE)
    return () => clearTimeout(timer)
  }, [itself, draft])

  if (draft === undefined) return undefined
  return {
    draft,
    campaign: base,
    change(part) {
      const next = { ...draft, ...part }
      setDraft(next)
      setDirty(true)
      // Without a name nothing was begun that somebody would come back to.
      if (id === undefined && next.name.trim() !== '') remember(KEPT, next)
    },
    save,
    saving,
    dirty,
    savedAt,
    problem,
    theirs,
    takeTheirs() {
      setBase(theirs)
      setDraft(draftOf(theirs!))
      setTheirs(undefined)
      setDirty(false)
    },
    async keepMine() {
      setBase(theirs)
      setTheirs(undefined)
      setDirty(true)
    },
    found,
    startOver() {
      remember(KEPT, undefined)
      setDraft(fresh())
      setFound(false)
      setDirty(false)
    },
  }
}

class Conflict {
  constructor(readonly campaign: Campaign) {}
}

function create(body: NonNullable<ReturnType<typeof inputFrom>>): Promise<Campaign> {
  return read(api.POST('/api/v1/campaigns', { body }))
}

/** Replaces what was read; what somebody changed in between is not overwritten. */
async function put(base: Campaign, body: NonNullable<ReturnType<typeof inputFrom>>): Promise<Campaign | Conflict> {
  const path = { id: base.id }
  const { data, response } = await api.GET('/api/v1/campaigns/{id}', { params: { path } })
  const now = data!
  // Its state changes the version too: only what can be set is compared.
  if (now.version !== base.version && JSON.stringify(draftOf(now)) !== JSON.stringify(draftOf(base))) return new Conflict(now)
  return read(api.PUT('/api/v1/campaigns/{id}', { params: { path, header: { 'If-Match': response.headers.get('ETag') ?? '*' } }, body }))
}
