/** A word to the agent that the contact does not hear. `Enter` sends it. */
import { Button, Input } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { MessageSquare } from '@/ui/icons'

/** Characters that the server takes. */
const LONGEST = 2_000

export function WhisperBox({ why, send }: { why: string | undefined; send: (text: string) => Promise<boolean> }) {
  const { t } = useTranslation('live')
  const [text, setText] = useState('')
  const [busy, setBusy] = useState(false)
  const go = async () => {
    if (text.trim() === '' || busy) return
    setBusy(true)
    if (await send(text.trim())) setText('')
    setBusy(false)
  }
  return (
    <form className="cw-whisper-box" onSubmit={(event) => { event.preventDefault(); void go() }}>
      <label htmlFor="whisper" className="cw-caption cw-line"><MessageSquare size={14} aria-hidden /> {why === undefined ? t('whisper.label') : t(`why.${why}`)}</label>
      <div className="cw-whisper-line">
        <Input.TextArea
          id="whisper"
          data-whisper
          autoSize={{ minRows: 1, maxRows: 4 }}
          maxLength={LONGEST}
          disabled={why !== undefined}
          placeholder={t('whisper.placeholder')}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onPressEnter={(event) => {
            if (event.shiftKey) return
            event.preventDefault()
            void go()
          }}
        />
        <Button type="primary" htmlType="submit" loading={busy} disabled={why !== undefined || text.trim() === ''}>{t('whisper.send')}</Button>
      </div>
    </form>
  )
}
