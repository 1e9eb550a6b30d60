/** Name, goal, period, start, and what people are told first. */
import { Form, Input, Select, Switch } from 'antd'
import { useTranslation } from 'react-i18next'
import { Card } from '@/ui/Card'
import { HelpHint } from '@/ui/HelpHint'
import { Sparkles } from '@/ui/icons'
import { StatusTag } from '@/ui/status/StatusTag'
import { missing } from '../draft'
import { StartFields } from '../parts/StartFields'
import type { Wizard } from '../useDraft'

export default function DetailsStep({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const { draft, change } = wizard
  const lacking = missing('details', draft, Date.now())
  const isExample = draft.goal === t('details.goal_example')
  const { schedule, settings, disclosure } = draft
  const setSchedule = (part: Partial<typeof schedule>) => change({ schedule: { ...schedule, ...part } })
  const tell = (part: Partial<typeof disclosure>) => change({ disclosure: { ...disclosure, ...part } })
  return (
    <Form layout="vertical" component="div" requiredMark={false} className="cw-two">
      <div className="cw-stack">
        <Card title={t('details.what')}>
          <Form.Item label={t('campaigns:field.name')} htmlFor="name" validateStatus={lacking.includes('name') && wizard.dirty ? 'error' : ''}>
            <Input id="name" autoFocus maxLength={200} value={draft.name} onChange={(event) => change({ name: event.target.value })} />
          </Form.Item>
          <Form.Item
            label={<span className="cw-line">{t('details.goal')} {isExample && <StatusTag tone="new" icon={Sparkles} tooltip={t('details.not_adapted_hint')}>{t('details.not_adapted')}</StatusTag>}</span>}
            htmlFor="goal"
            extra={t('details.goal_hint')}
            validateStatus={lacking.includes('goal') ? 'error' : ''}
            help={lacking.includes('goal') ? t('common:form.required') : undefined}
          >
            <Input.TextArea id="goal" autoSize={{ minRows: 3, maxRows: 10 }} value={draft.goal ?? ''} onChange={(event) => change({ goal: event.target.value })} />
          </Form.Item>
          <Form.Item label={t('campaigns:settings.callees')} htmlFor="callees" extra={t('details.callees_hint')}>
            <Select id="callees" style={{ maxWidth: 260 }} value={settings.callees ?? 'consumers'} onChange={(callees) => change({ settings: { ...settings, callees } })} options={(['consumers', 'businesses'] as const).map((value) => ({ value, label: t(`campaigns:callees.${value}`) }))} />
          </Form.Item>
        </Card>
        <Card title={t('details.when')}>
          <div className="cw-fields">
            <Form.Item label={t('details.period_start')} htmlFor="period_start" extra={t('details.period_start_hint')}>
              <Input id="period_start" type="date" value={schedule.period_start ?? ''} onChange={(event) => setSchedule({ period_start: event.target.value || null })} />
            </Form.Item>
            <Form.Item label={t('details.period_end')} htmlFor="period_end" extra={lacking.includes('period') ? undefined : t('details.period_end_hint')} validateStatus={lacking.includes('period') ? 'error' : ''} help={lacking.includes('period') ? t('missing.period') : undefined}>
              <Input id="period_end" type="date" value={schedule.period_end ?? ''} onChange={(event) => setSchedule({ period_end: event.target.value || null })} />
            </Form.Item>
          </div>
          <StartFields wizard={wizard} />
        </Card>
      </div>
      <div className="cw-stack">
        <Card title={<>{t('details.tell')} <HelpHint>{t('details.tell_hint')}</HelpHint></>}>
          <label className="cw-line cw-switch-line"><Switch size="small" checked={disclosure.ai ?? false} onChange={(ai) => tell({ ai })} aria-label={t('details.tell_ai')} /> {t('details.tell_ai')}</label>
          {disclosure.ai && <Input.TextArea aria-label={t('details.words')} placeholder={t('details.words')} maxLength={500} autoSize value={disclosure.ai_text ?? ''} onChange={(event) => tell({ ai_text: event.target.value || null })} />}
          <label className="cw-line cw-switch-line"><Switch size="small" checked={disclosure.recording ?? false} onChange={(recording) => tell({ recording })} aria-label={t('details.tell_recording')} /> {t('details.tell_recording')}</label>
          {disclosure.recording && <Input.TextArea aria-label={t('details.words')} placeholder={t('details.words')} maxLength={500} autoSize value={disclosure.recording_text ?? ''} onChange={(event) => tell({ recording_text: event.target.value || null })} />}
          <p className="cw-caption">{t('details.tell_default')}</p>
        </Card>
        <Card title={t('details.decides')}>
          <p className="cw-soft">{t('details.decides_text')}</p>
        </Card>
      </div>
    </Form>
  )
}
