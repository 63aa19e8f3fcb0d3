// Starts the installed Chromium, headless and with WebGPU: only this file knows its path and flags.

import { existsSync, readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'

const CANDIDATES = [
  process.env.CHROME_PATH,
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/usr/bin/chromium-browser',
]

/** The flags of the in-browser tests, so that all of them run on the same adapter. */
export const FLAGS = JSON.parse(readFileSync(new URL('../webdriver.json', import.meta.url)))[
  'goog:chromeOptions'
].args

/**
 * A Playwright browser; `without` names flags to leave out, e.g. to have no WebGPU; `hosts` says which
 * port of this machine plays a host of the Internet, by https and with any certificate.
 */
export async function launchChrome({ without = [], hosts = {} } = {}) {
  const executablePath = CANDIDATES.find((path) => path && existsSync(path))
  if (!executablePath)
    throw new Error('No Chromium is installed: run ./build.sh setup, or set CHROME_PATH.')
  const args = FLAGS.filter((flag) => !without.some((prefix) => flag.startsWith(prefix)))
  const rules = Object.entries(hosts).map(([host, port]) => `MAP ${host}:443 127.0.0.1:${port}`)
  if (rules.length > 0)
    args.push(`--host-resolver-rules=${rules.join()}`, '--ignore-certificate-errors')
  return chromium.launch({ executablePath, args })
}

/** A page of `browser` whose errors, warnings and failed requests go to `report`, a line each. */
export async function openPage(browser, url, report = () => {}) {
  const page = await browser.newPage()
  page.on('pageerror', (error) => report(`page error: ${error.stack ?? error.message}`))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()))
      report(`${message.type()}: ${message.text()}`)
  })
  await page.goto(url)
  return page
}
