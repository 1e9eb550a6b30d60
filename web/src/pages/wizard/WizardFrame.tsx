/** The way from a name to a campaign: steps above, the step's cards, and the foot that leads on. */
import { useBlocker, useNavigate } from '@tanstack/react-router'
import { Button } from 'antd'
import { lazy, Suspense, useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { useCrumbs } from '@/app/crumbs'
import { useSearch } from '@/app/search-params'
import { PageSkeleton } from '@/app/shell/PageSkeleton'
import { time } from '@/ui/format'
import { ArrowLeft, ArrowRight, CircleCheck } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { useConfirm } from '@/ui/useConfirm'
import { useLocale } from '@/ui/values'
import { missing, reachable, STEPS, type Step } from './draft'
import { useDefaults } from './useDefaults'
import { useDraft, type Wizard } from './useDraft'
import './schedule/schedule.css'
import './wizard.css'

const CampaignProblem = lazy(() => import('../campaigns/detail/CampaignProblem').then((module) => ({ default: module.CampaignProblem })))
const StepBar = lazy(() => import('./parts/StepBar'))
const Notices = lazy(() => import('./parts/Notices'))
const DetailsStep = lazy(() => import('./steps/DetailsStep'))
const WhoStep = lazy(() => import('./steps/WhoStep'))
const AssistantStep = lazy(() => import('./steps/AssistantStep'))
const DialingStep = lazy(() => import('./steps/DialingStep'))
const WhenStep = lazy(() => import('./steps/WhenStep'))
const ReviewStep = lazy(() => import('./steps/ReviewStep'))
const QuickForm = lazy(() => import('./steps/QuickForm'))

export function WizardFrame({ id }: { id: string | undefined }) {
  const wizard = useDraft(id)
  if (wizard === undefined) return <PageSkeleton />
  if ('error' in wizard) return <CampaignProblem error={wizard.error} retry={wizard.retry} />
  return <Frame wizard={wizard} />
}

function Frame({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const [search, patch] = useSearch()
  const navigate = useNavigate()
  const { draft, campaign } = wizard
  const isDraft = campaign === undefined || campaign.state === 'draft'
  const now = Date.now()
  const wanted = STEPS.find((step) => step === search.step) ?? 'details'
  const step = reachable(wanted, draft, now) ? wanted : STEPS.findLast((one) => reachable(one, draft, now))!
  const quick = search.form === 'quick' && isDraft
  const title = draft.name.trim() || t('title_new')
  useCrumbs({ label: t('common:nav.campaigns'), to: '/campaigns' }, ...(campaign ? [{ label: campaign.name, to: `/campaigns/${campaign.id}` }, { label: t('campaigns:act.edit') }] : [{ label: t('title_new') }]))
  useDefaults(wizard)
  // What is not on the server yet stays in the browser: nothing is lost.
  useLeaveGuard(wizard.dirty && campaign !== undefined)

  const shown = useRef(step)
  useEffect(() => {
    if (shown.current !== step) scrollTo({ top: 0 })
    shown.current = step
  }, [step])

  const goTo = async (to: Step) => {
    const saved = isDraft && (wizard.dirty || campaign === undefined) ? await wizard.save(to) : undefined
    // A campaign that has just been made has an address of its own, where the step stands already.
    if (campaign !== undefined || saved === undefined) patch({ step: to })
  }
  const leave = async () => {
    const saved = await wizard.save()
    if (saved !== undefined) void navigate({ to: `/campaigns/${saved.id}`, ignoreBlocker: true })
  }
  const at = STEPS.indexOf(step)
  const lacking = missing(step, draft, now)

  return (
    <div className="cw-wizard">
      <PageHeader
        title={title}
        facts={<Saved wizard={wizard} isDraft={isDraft} />}
        actions={isDraft && <Button onClick={() => patch({ form: quick ? undefined : 'quick' })}>{t(quick ? 'quick.steps' : 'quick.open')}</Button>}
      />
      {!quick && (
        <nav className="cw-steps" aria-label={t('steps')}>
          <Suspense><StepBar step={step} open={(one) => reachable(one, draft, now)} onGo={(one) => void goTo(one)} /></Suspense>
        </nav>
      )}
      <Suspense><Notices wizard={wizard} /></Suspense>
      <Suspense fallback={<PageSkeleton />}>
        {quick && <QuickForm wizard={wizard} />}
        {!quick && step === 'details' && <DetailsStep wizard={wizard} />}
        {!quick && step === 'who' && <WhoStep wizard={wizard} />}
        {!quick && step === 'assistant' && <AssistantStep wizard={wizard} />}
        {!quick && step === 'when' && <WhenStep wizard={wizard} />}
        {!quick && step === 'dialing' && <DialingStep wizard={wizard} />}
        {!quick && step === 'review' && <ReviewStep wizard={wizard} />}
      </Suspense>
      {!quick && step !== 'review' && (
        <div className="cw-wizard-foot">
          {at > 0 && <Button icon={<ArrowLeft size={16} />} onClick={() => void goTo(STEPS[at - 1]!)}>{t(`step.${STEPS[at - 1]!}`)}</Button>}
          <span className="cw-end" />
          {lacking.length > 0 && <span className="cw-caption" role="status">{t('lacking', { what: lacking.map((one) => t(`missing.${one}`)).join(', ') })}</span>}
          <Button loading={wizard.saving} disabled={lacking.length > 0} onClick={() => void leave()}>{t(isDraft ? 'save_close' : 'save_changes')}</Button>
          <Button type="primary" icon={<ArrowRight size={16} />} iconPlacement="end" disabled={lacking.length > 0} onClick={() => void goTo(STEPS[at + 1]!)}>
            {t('next', { step: t(`step.${STEPS[at + 1]!}`) })}
          </Button>
        </div>
      )}
    </div>
  )
}

function Saved({ wizard, isDraft }: { wizard: Wizard; isDraft: boolean }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const locale = useLocale()
  const text = wizard.saving ? t('saving') : wizard.dirty || wizard.savedAt === undefined ? t(wizard.campaign === undefined ? 'not_saved_yet' : 'unsaved') : t(isDraft ? 'draft_saved' : 'saved', { at: time(new Date(wizard.savedAt), locale) })
  return <span role="status">{!wizard.dirty && wizard.savedAt !== undefined && <CircleCheck size={15} aria-hidden />} {text}</span>
}

/** Asks before changes are lost; steps of the same wizard are no leaving. */
function useLeaveGuard(dirty: boolean): void {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const confirm = useConfirm()
  useBlocker({
    shouldBlockFn: async ({ current, next }) => {
      if (!dirty || current.pathname === next.pathname) return false
      return !(await confirm({ title: t('common:form.leave'), text: t('common:form.leave_text'), ok: t('common:form.leave_ok'), danger: true }))
    },
    enableBeforeUnload: dirty,
  })
}
