/** Who talks, and from which number. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Form, Radio, Select, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { assistantsQuery, trunksQuery } from '@/api/organisation'
import { Card } from '@/ui/Card'
import { Empty } from '@/ui/Empty'
import { Bot } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { exists } from '../../exists'
import type { Wizard } from '../useDraft'

export default function AssistantStep({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const { draft, change, campaign } = wizard
  const assistants = useQuery(assistantsQuery)
  const trunks = useQuery(trunksQuery)
  const trunk = trunks.data?.items.find((one) => one.id === draft.trunk_id)
  const chosen = assistants.data?.items.find((one) => one.id === draft.assistant_id)?.definition
  const fixed = campaign !== undefined && campaign.state !== 'draft'
  return (
    <div className="cw-two">
      <div className="cw-stack">
        <Card title={t('campaigns:field.assistant')}>
          <ProblemAlert error={assistants.error} retry={() => void assistants.refetch()} />
          {assistants.isPending && <Skeleton active title={false} />}
          {assistants.data?.items.length === 0 && <Empty text={t('lacks.assistant')} action={exists('/assistants') && <Link to="/assistants">{t('lacks.make_assistant')}</Link>} />}
          <Radio.Group className="cw-choices" aria-label={t('campaigns:field.assistant')} value={draft.assistant_id} onChange={(event) => change({ assistant_id: event.target.value as string })}>
            {assistants.data?.items.map(({ id, version, definition }) => (
              <Radio key={id} value={id}>
                <span className="cw-cell-two">
                  <span className="cw-strong"><Bot size={14} aria-hidden /> {definition.name}</span>
                  <small>{[definition.language, definition.mode && t(`assistant.mode.${definition.mode}`, { defaultValue: definition.mode }), t('assistant.version', { version })].filter(Boolean).join(' · ')}</small>
                </span>
              </Radio>
            ))}
          </Radio.Group>
        </Card>
        <Card title={t('campaigns:field.caller_id')}>
          {fixed && <p className="cw-soft">{t('assistant.fixed')}</p>}
          <ProblemAlert error={trunks.error} retry={() => void trunks.refetch()} />
          <Form layout="vertical" component="div" requiredMark={false} disabled={fixed} className="cw-fields">
            <Form.Item label={t('campaigns:field.trunk')} htmlFor="trunk">
              <Select
                id="trunk"
                value={draft.trunk_id}
                loading={trunks.isPending}
                options={trunks.data?.items.map((one) => ({ value: one.id, label: one.enabled ? one.name : t('assistant.trunk_off', { name: one.name }), disabled: !one.enabled || one.caller_ids.length === 0 }))}
                onChange={(trunk_id: string) => change({ trunk_id, caller_id: trunks.data?.items.find((one) => one.id === trunk_id)?.caller_ids[0] ?? null })}
              />
            </Form.Item>
            <Form.Item label={t('campaigns:field.caller_id')} htmlFor="caller" extra={t('assistant.caller_hint')}>
              <Select id="caller" value={draft.caller_id} options={(trunk?.caller_ids ?? (draft.caller_id ? [draft.caller_id] : [])).map((value) => ({ value, label: value }))} onChange={(caller_id) => change({ caller_id })} />
            </Form.Item>
          </Form>
        </Card>
      </div>
      <Card title={t('assistant.variables')}>
        {chosen === undefined || Object.keys(chosen.variables ?? {}).length === 0 ? <p className="cw-soft">{t('assistant.no_variables')}</p> : (
          <>
            <p className="cw-caption">{t('assistant.variables_text')}</p>
            <dl className="cw-facts-list cw-variables">
              {Object.entries(chosen.variables ?? {}).map(([name, variable]) => (
                <div key={name} className="cw-fact"><dt><code>{`{{${name}}}`}</code></dt><dd>{variable.default ?? <span className="cw-soft">{t('assistant.no_default')}</span>}</dd></div>
              ))}
            </dl>
          </>
        )}
      </Card>
    </div>
  )
}
