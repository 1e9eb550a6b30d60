import type { Session } from '@/api/session'
import { local } from '@/api/preferences'
import { isLanguage, speak } from '@/i18n'

/** After signing in: the user's language, unless another one was chosen in this browser. */
export function useArrival(): (session: Session) => Promise<void> {
  return async (session) => {
    if (!isLanguage(local('language')) && isLanguage(session.user.language)) await speak(session.user.language)
  }
}
