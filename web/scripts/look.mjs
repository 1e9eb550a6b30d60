/**
 * Opens pages in Chromium, light and dark, 1440 and 1024 pixels wide: writes a picture of each to `pictures/` and has axe
 * look at it. Exit status 1 when axe finds anything or a page reports an error.
 *
 *   CONSOLE_URL=http://127.0.0.1:8480 CONSOLE_EMAIL=… CONSOLE_PASSWORD=… npm run look -- /campaigns /login
 *
 * Without addresses it looks at every page that needs no id, and at the first campaign.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const url = process.env.CONSOLE_URL ?? 'http://127.0.0.1:5173'
const only = process.argv.slice(2)
const modes = (process.env.CONSOLE_MODES ?? 'light,dark').split(',')
const widths = (process.env.CONSOLE_WIDTHS ?? '1440,1024').split(',').map(Number)
const language = process.env.CONSOLE_LANGUAGE ?? 'en'
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const pictures = new URL('../pictures/', import.meta.url)
mkdirSync(pictures, { recursive: true })

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' })
let findings = 0
for (const mode of modes) {
  for (const width of widths) {
    const context = await browser.newContext({ viewport: { width, height: width > 1100 ? 900 : 768 }, reducedMotion: 'reduce', colorScheme: mode })
    await context.addInitScript((value) => localStorage.setItem('callwright:language', JSON.stringify(value)), language)
    const page = await context.newPage()
    page.on('pageerror', (error) => tell(page.url(), `error: ${error.message}`))
    page.on('console', (message) => message.type() === 'error' && !/Failed to load resource/.test(message.text()) && tell(page.url(), `console: ${message.text()}`))
    await signIn(page)
    for (const address of only.length > 0 ? only : await everywhere(page)) await look(page, address, mode, width)
    await context.close()
  }
}
await browser.close()
console.log(findings === 0 ? 'nothing found' : `${findings} findings`)
process.exitCode = findings === 0 ? 0 : 1

async function look(page, address, mode, width) {
  await page.goto(url + address, { waitUntil: 'load' })
  await settled(page)
  const name = `${address.replace(/^\//, '').replace(/[0-9a-f-]{36}/g, 'id').replace(/\W+/g, '-') || 'home'}-${mode}-${width}`
  await page.screenshot({ path: new URL(`${name}.png`, pictures).pathname })
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
  for (const violation of violations) {
    for (const node of violation.nodes) tell(`${address} ${mode} ${width}`, `axe ${violation.id} (${violation.impact}): ${node.target.join(' ')} ${node.any[0]?.message ?? ''}`)
  }
}

/** Sockets and polls never rest: a page is ready when it shows no more skeletons and half a second has passed. */
async function settled(page) {
  await page.waitForFunction(() => document.querySelector('#root')?.children.length > 0 && !document.querySelector('[aria-busy="true"], .ant-skeleton'), null, { timeout: 15_000 }).catch(() => {})
  await page.waitForTimeout(600)
}

async function signIn(page) {
  const { CONSOLE_EMAIL: email, CONSOLE_PASSWORD: password } = process.env
  if (email === undefined || password === undefined) return
  await page.goto(`${url}/login`)
  await page.locator('input[type=email]').fill(email)
  await page.locator('input[type=password]').fill(password)
  await page.locator('button[type=submit]').click()
  await page.waitForURL((at) => at.pathname !== '/login')
}

/** What the rail leads to, and the tabs of the first campaign. */
async function everywhere(page) {
  await page.goto(`${url}/campaigns`)
  await settled(page)
  const rail = await page.locator('.cw-rail a').evaluateAll((links) => links.map((link) => link.getAttribute('href')))
  const campaign = await page.locator('.cw-data a.cw-row-link').first().getAttribute('href').catch(() => null)
  const tabs = campaign === null ? [] : ['overview', 'contacts', 'calls', 'runs', 'settings', 'overview?why=1'].map((tab) => `${campaign}/${tab}`)
  return [...new Set([...rail, ...tabs, '/nowhere'])]
}

function tell(where, what) {
  findings += 1
  console.log(`${where}: ${what}`)
}
