import { useQueryClient } from '@tanstack/react-query'
import { App, Button, Divider, Segmented } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { asProblem } from '@/api/problem'
import { saveUser, signOut, type Session } from '@/api/session'
import { languages, speak, type Language } from '@/i18n'
import { useDensity, type Density } from '@/ui/density'
import { LogOut, Monitor, Moon, Pencil, Sun } from '@/ui/icons'
import { chooseTheme, useThemeChoice, type ThemeChoice } from '../theme-mode'
import { openProfile } from './overlays'

/** Who one is, how the console looks, and the way out. */
export default function UserSettings({ session, close }: { session: Session; close: () => void }) {
  const { t, i18n } = useTranslation()
  const { message } = App.useApp()
  const client = useQueryClient()
  const theme = useThemeChoice()
  const [density, setDensity] = useDensity()

  const chooseLanguage = async (language: Language) => {
    await speak(language)
    await saveUser(client, { name: session.user.name, language }).catch(() => {})
  }
  const out = () => signOut(client).catch((error: unknown) => message.error(asProblem(error).message))

  return (
    <div>
      <div className="cw-user-who">
        <strong>{session.user.name}</strong>
        <span>{session.user.email}</span>
        <span>{session.organisation.name} · {t(`role.${session.user.role}`)}</span>
      </div>
      <Button block icon={<Pencil size={15} />} onClick={() => { close(); openProfile() }}>{t('shell.profile')}</Button>
      <Divider />
      <Choice label={t('shell.theme')}>
        <Segmented<ThemeChoice>
          block
          value={theme}
          onChange={chooseTheme}
          aria-label={t('shell.theme')}
          options={[
            { value: 'light', label: t('shell.light'), icon: <Sun size={14} /> },
            { value: 'dark', label: t('shell.dark'), icon: <Moon size={14} /> },
            { value: 'system', label: t('shell.system'), icon: <Monitor size={14} /> },
          ]}
        />
      </Choice>
      <Choice label={t('shell.language')}>
        <Segmented<Language>
          block
          value={i18n.language as Language}
          onChange={(language) => void chooseLanguage(language)}
          aria-label={t('shell.language')}
          options={languages.map((value) => ({ value, label: <span lang={value}>{NAMES[value]}</span> }))}
        />
      </Choice>
      <Choice label={t('shell.density')}>
        <Segmented<Density>
          block
          value={density}
          onChange={setDensity}
          aria-label={t('shell.density')}
          options={[{ value: 'comfortable', label: t('shell.comfortable') }, { value: 'compact', label: t('shell.compact') }]}
        />
      </Choice>
      <Divider />
      <Button block icon={<LogOut size={15} />} onClick={() => void out()}>{t('shell.sign_out')}</Button>
    </div>
  )
}

/** A language is offered in its own words. */
const NAMES: Record<Language, string> = { en: 'English', de: 'Deutsch' }

function Choice({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="cw-choice">
      <span aria-hidden>{label}</span>
      {children}
    </div>
  )
}
