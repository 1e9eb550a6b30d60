/** Texts of the console. A catalogue is one area in one language, `en/AREA.json`, and is loaded when a page of it opens. */
import i18next, { type BackendModule } from 'i18next'
import { initReactI18next } from 'react-i18next'
import { local, remember } from '@/api/preferences'

export const languages = ['en', 'de'] as const
export type Language = (typeof languages)[number]

const catalogues = import.meta.glob<{ default: Record<string, unknown> }>('./{en,de}/*.json')

const backend: BackendModule = {
  type: 'backend',
  init() {},
  read(language, area, done) {
    const load = catalogues[`./${language}/${area}.json`]
    if (load === undefined) return done(new Error(`no catalogue ${language}/${area}`), null)
    load().then((catalogue) => done(null, catalogue.default), (error: unknown) => done(error as Error, null))
  },
}

export async function startTexts(): Promise<void> {
  await i18next.use(backend).use(initReactI18next).init({
    lng: firstLanguage(),
    supportedLngs: languages,
    // A test keeps the catalogues complete; a second language would be loaded for nothing.
    fallbackLng: false,
    ns: ['common'],
    defaultNS: 'common',
    interpolation: { escapeValue: false },
    react: { useSuspense: true },
  })
  document.documentElement.lang = i18next.language
}

export async function speak(language: Language): Promise<void> {
  remember('language', language)
  await i18next.changeLanguage(language)
  document.documentElement.lang = language
}

export function isLanguage(text: unknown): text is Language {
  return languages.includes(text as Language)
}

/** What the person chose in this browser, else what the browser asks for. */
function firstLanguage(): Language {
  const chosen = local('language')
  if (isLanguage(chosen)) return chosen
  for (const wish of navigator.languages) {
    const base = wish.split('-')[0]
    if (isLanguage(base)) return base
  }
  return 'en'
}
