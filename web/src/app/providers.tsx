/** What every page stands in: theme, antd's texts in the chosen language, queries, messages. */
import { QueryClientProvider, type QueryClient } from '@tanstack/react-query'
import { App, ConfigProvider } from 'antd'
import type { Locale } from 'antd/es/locale'
import english from 'antd/locale/en_GB'
import { Suspense, useEffect, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { themes } from '@/theme'
import { useMode } from './theme-mode'

export function Providers({ client, children }: { client: QueryClient; children: ReactNode }) {
  return (
    <QueryClientProvider client={client}>
      <Themed>
        <Suspense>{children}</Suspense>
      </Themed>
    </QueryClientProvider>
  )
}

function Themed({ children }: { children: ReactNode }) {
  const mode = useMode()
  const locale = useAntdLocale()
  return (
    <ConfigProvider theme={themes[mode]} locale={locale} wave={{ disabled: true }} button={{ autoInsertSpace: false }}>
      <App className="cw-app" message={{ maxCount: 3 }} notification={{ placement: 'bottomRight' }}>
        {children}
      </App>
    </ConfigProvider>
  )
}

function useAntdLocale(): Locale {
  const { i18n } = useTranslation()
  const [locale, setLocale] = useState<Locale>(english)
  useEffect(() => {
    if (i18n.language !== 'de') return setLocale(english)
    let current = true
    void import('antd/locale/de_DE').then((german) => current && setLocale(german.default))
    return () => {
      current = false
    }
  }, [i18n.language])
  return locale
}
