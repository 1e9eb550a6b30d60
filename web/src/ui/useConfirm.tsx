/** Questions before what cannot be undone. Answers whether it was confirmed. */
import { App, Input } from 'antd'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'

interface Question {
  title: string
  /** What goes, in words and numbers. */
  text: ReactNode
  /** The verb of the button. */
  ok: string
  danger?: boolean
  /** Has to be typed before the button can be pressed. */
  typed?: string
}

export function useConfirm(): (question: Question) => Promise<boolean> {
  const { modal } = App.useApp()
  const { t } = useTranslation()
  return ({ title, text, ok, danger = false, typed }) =>
    new Promise((answer) => {
      const dialog = modal.confirm({
        title,
        icon: null,
        width: 480,
        content: (
          <>
            <div>{text}</div>
            {typed !== undefined && <Typed word={typed} onMatch={(same) => dialog.update({ okButtonProps: { danger, disabled: !same } })} />}
          </>
        ),
        okText: ok,
        cancelText: t('action.keep'),
        okButtonProps: { danger, disabled: typed !== undefined },
        autoFocusButton: typed === undefined ? 'cancel' : null,
        onOk: () => answer(true),
        onCancel: () => answer(false),
      })
    })
}

function Typed({ word, onMatch }: { word: string; onMatch: (same: boolean) => void }) {
  const { t } = useTranslation()
  const [text, setText] = useState('')
  return (
    <label className="cw-typed">
      <span>{t('confirm.type', { word })}</span>
      <Input
        autoFocus
        value={text}
        autoComplete="off"
        onChange={(event) => {
          setText(event.target.value)
          onMatch(event.target.value === word)
        }}
      />
    </label>
  )
}
