/** The frame of pages outside the shell: a card in the middle, theme and language below it. */
import { Segmented } from 'antd'
import { useEffect, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Logo } from '@/app/shell/Logo'
import { chooseTheme, useThemeChoice, type ThemeChoice } from '@/app/theme-mode'
import { languages, speak, type Language } from '@/i18n'
import { Monitor, Moon, Sun } from '@/ui/icons'

const NAMES: Record<Language, string> = { en: 'English', de: 'Deutsch' }

export function Entrance({ title, wide, children }: { title: string; wide?: boolean; children: ReactNode }) {
  const { t, i18n } = useTranslation()
  const theme = useThemeChoice()
  useEffect(() => {
    document.title = `${title} · Callwright`
  }, [title])
  return (
    <main className="cw-entrance">
      <div className="cw-entrance-brand"><Logo /> Callwright</div>
      <div className={`cw-entrance-card ${wide ? 'cw-wide' : ''}`}>
        <h1>{title}</h1>
        {children}
      </div>
      <div className="cw-entrance-foot">
        <Segmented<Language>
          size="small"
          aria-label={t('shell.language')}
          value={i18n.language as Language}
          onChange={(language) => void speak(language)}
          options={languages.map((value) => ({ value, label: <span lang={value}>{NAMES[value]}</span> }))}
        />
        <Segmented<ThemeChoice>
          size="small"
          aria-label={t('shell.theme')}
          value={theme}
          onChange={chooseTheme}
          options={[
            { value: 'light', icon: <Sun size={14} aria-label={t('shell.light')} /> },
            { value: 'dark', icon: <Moon size={14} aria-label={t('shell.dark')} /> },
            { value: 'system', icon: <Monitor size={14} aria-label={t('shell.system')} /> },
          ]}
        />
      </div>
    </main>
  )
}
