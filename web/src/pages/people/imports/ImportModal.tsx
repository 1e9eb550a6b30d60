/** A CSV file becomes contacts: choose, look at its first rows, import, see what came of it. */
import { useQueryClient } from '@tanstack/react-query'
import { Alert, Button, Modal, Select, Table, Upload } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changeHeaders, type Schema } from '@/api/client'
import { asProblem, problemOf, type Problem } from '@/api/problem'
import { number } from '@/ui/format'
import { Download, FileText, Upload as UploadIcon } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { Stat, Stats } from '@/ui/Stat'
import { NumberText, useLocale } from '@/ui/values'
import { csvOf, LOOK, meaning, preview, type Preview } from './csv'

type Report = Schema['ImportReport']

/** Rows that are shown before the import. */
const SHOWN = 5

interface Props {
  close: () => void
  /** Told the contacts that were made. */
  onMade?: (ids: string[]) => Promise<void>
}

export default function ImportModal({ close, onMade }: Props) {
  const { t } = useTranslation('people')
  const client = useQueryClient()
  const [file, setFile] = useState<File>()
  const [look, setLook] = useState<Preview>()
  const [country, setCountry] = useState<string>()
  const [report, setReport] = useState<Report>()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const hasPhone = look?.columns.some((column) => column.toLowerCase() === 'phone') ?? false

  const choose = async (chosen: File) => {
    setFile(chosen)
    setProblem(undefined)
    setLook(preview(await chosen.slice(0, LOOK).text(), chosen.size <= LOOK, SHOWN))
  }
  const start = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      const made = await sendFile(file!, country)
      setReport(made)
      await client.invalidateQueries({ queryKey: ['contacts'] })
      if (made.contact_ids.length > 0) await onMade?.(made.contact_ids)
    } catch (error) {
      setProblem(asProblem(error))
    } finally {
      setBusy(false)
    }
  }

  return (
    <Modal
      open
      width={720}
      title={t('import.title')}
      onCancel={close}
      footer={report ? <Button type="primary" onClick={close}>{t('common:action.close')}</Button> : undefined}
      okText={t('import.ok')}
      onOk={() => void start()}
      okButtonProps={{ disabled: !hasPhone }}
      confirmLoading={busy}
      mask={{ closable: false }}
    >
      <div className="cw-stack">
        <ProblemAlert error={problem} />
        {report ? <Result report={report} /> : (
          <>
            <Upload.Dragger accept=".csv,.txt,text/csv" maxCount={1} showUploadList={false} beforeUpload={(chosen) => { void choose(chosen); return false }}>
              <p><UploadIcon size={22} aria-hidden /></p>
              <p>{file ? <strong><FileText size={15} aria-hidden /> {file.name}</strong> : t('import.drop')}</p>
              <p className="cw-caption">{t('import.columns')}</p>
            </Upload.Dragger>
            {look && !hasPhone && <Alert type="warning" showIcon title={t('import.no_phone')} description={t('import.no_phone_text', { columns: look.columns.join(', ') || '—' })} />}
            {look && hasPhone && <Rows look={look} />}
            {look && <Countries value={country} onChange={setCountry} />}
          </>
        )}
      </div>
    </Modal>
  )
}

function Rows({ look }: { look: Preview }) {
  const { t } = useTranslation('people')
  return (
    <div>
      <p className="cw-caption">{look.total === undefined ? t('import.first', { count: look.rows.length }) : t('import.rows', { count: look.total })}</p>
      <Table
        size="small"
        aria-label={t('import.preview')}
        pagination={false}
        scroll={{ x: 'max-content' }}
        rowKey={(row) => String(look.rows.indexOf(row))}
        dataSource={look.rows}
        columns={look.columns.map((column, index) => ({
          key: String(index),
          title: <span className="cw-cell-two"><span>{column || '—'}</span><small>{t(`import.${meaning(column)}`)}</small></span>,
          render: (_: unknown, row: string[]) => row[index] ?? '',
        }))}
      />
    </div>
  )
}

function Countries({ value, onChange }: { value: string | undefined; onChange: (value: string | undefined) => void }) {
  const { t } = useTranslation('people')
  const locale = useLocale()
  const names = new Intl.DisplayNames([locale], { type: 'region' })
  const options = COUNTRIES.map((code) => ({ value: code, label: `${names.of(code) ?? code} (${code})` })).sort((a, b) => a.label.localeCompare(b.label, locale))
  return (
    <label className="cw-plain">
      <span>{t('import.country')}</span>
      <Select allowClear showSearch={{ optionFilterProp: 'label' }} style={{ width: 280 }} value={value} onChange={onChange} options={options} placeholder={t('import.country_none')} />
    </label>
  )
}

function Result({ report }: { report: Report }) {
  const { t } = useTranslation('people')
  const locale = useLocale()
  const failed = report.rows.filter((row) => row.result === 'failed')
  const save = () => {
    const text = csvOf([[t('import.line'), t('import.result'), t('import.reason')], ...report.rows.map((row) => [String(row.line), row.result, row.reason])])
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }))
    link.download = 'import.csv'
    link.click()
    URL.revokeObjectURL(link.href)
  }
  return (
    <>
      <Stats>
        <Stat label={t('import.created')} value={<NumberText value={report.created} />} />
        <Stat label={t('import.skipped')} hint={t('import.skipped_hint')} value={<NumberText value={report.skipped} />} />
        <Stat label={t('import.failed')} value={<NumberText value={report.failed} />} />
      </Stats>
      {report.rows.length > 0 && (
        <div>
          <div className="cw-line">
            <h3>{t('import.faults')}</h3>
            <Button className="cw-end" size="small" icon={<Download size={14} />} onClick={save}>{t('import.save')}</Button>
          </div>
          <ul className="cw-import-faults" tabIndex={0} aria-label={t('import.faults')}>
            {(failed.length > 0 ? failed : report.rows).slice(0, 100).map((row) => <li key={row.line}><span className="cw-num">{t('import.line_no', { line: number(row.line, locale) })}</span> {row.reason}</li>)}
          </ul>
        </div>
      )}
    </>
  )
}

async function sendFile(file: File, country: string | undefined): Promise<Report> {
  const response = await fetch(`/api/v1/contacts/import${country ? `?country=${country}` : ''}`, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { ...changeHeaders('POST'), 'Content-Type': 'text/csv' },
    body: file,
  })
  if (!response.ok) throw await problemOf(response)
  return (await response.json()) as Report
}

/** Where numbers are dialed in their national form most often. */
const COUNTRIES = ['AT', 'AU', 'BE', 'BG', 'BR', 'CA', 'CH', 'CY', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GB', 'GR', 'HR', 'HU', 'IE', 'IN', 'IS', 'IT', 'JP', 'LI', 'LT', 'LU', 'LV', 'MT', 'MX', 'NL', 'NO', 'NZ', 'PL', 'PT', 'RO', 'SE', 'SI', 'SK', 'TR', 'UA', 'US', 'ZA']
