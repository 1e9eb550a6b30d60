import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

/** What antd asks of a browser and jsdom does not have. */
if (typeof window !== 'undefined') {
  // A machine that does much else finds things later.
  configure({ asyncUtilTimeout: 20_000 })
  window.matchMedia ??= (query: string) =>
    ({ matches: false, media: query, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {}, onchange: null, dispatchEvent: () => false }) as MediaQueryList
  window.ResizeObserver ??= class {
    observe() {}
    unobserve() {}
    disconnect() {}
  }
  afterEach(cleanup)
}
