// What a person does in a browser with a mail of mailwake: reads it, follows its link, and
// unsubscribes. Takes the addresses as JSON, prints what was seen as JSON. Nothing is asked of
// any other host than loopback.
'use strict'

const fs = require('fs')
const { chromium } = require('playwright-core')

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const { mail, pixel, unsubscribe, screenshots } = JSON.parse(process.argv[2])

const PATIENCE = { timeout: 30000 }

// Violations of the rules of axe-core, each with the elements that break it.
async function violations (page) {
  await page.evaluate(axe)
  const result = await page.evaluate(() => window.axe.run())
  return result.violations.map(one => `${one.id}: ${one.nodes.map(node => node.html).join(' ')}`)
}

// Renders the mail from a file, as a mail program does, and follows its link.
async function read (browser) {
  const page = await browser.newPage()
  const pixels = []
  page.on('request', request => { if (request.url() === pixel) pixels.push(request.url()) })
  await page.goto(`file://${mail}`, { waitUntil: 'networkidle', ...PATIENCE })
  const image = await page.evaluate(() => {
    const image = document.querySelector('img')
    return { isComplete: image.complete, width: image.naturalWidth }
  })
  await page.click('a', PATIENCE)
  await page.waitForLoadState('load', PATIENCE)
  const landed = { url: page.url(), title: await page.title() }
  await page.close()
  return { pixels: pixels.length, image, landed }
}

// Looks at the page that asks in every way in which people see it.
async function look (browser) {
  const found = []
  for (const colorScheme of ['light', 'dark']) {
    for (const locale of ['en-US', 'de-DE', 'ar-EG', 'zh-TW']) {
      for (const width of [320, 1280]) {
        const context = await browser.newContext({ colorScheme, locale, viewport: { width, height: 640 } })
        const page = await context.newPage()
        await page.goto(unsubscribe, PATIENCE)
        const way = `${colorScheme}-${locale}-${width}`
        const seen = await page.evaluate(() => ({
          lang: document.documentElement.lang,
          dir: document.documentElement.dir,
          isTooWide: document.documentElement.scrollWidth > window.innerWidth
        }))
        found.push({ way, ...seen, violations: await violations(page) })
        await page.screenshot({ path: `${screenshots}/${way}.png` })
        await context.close()
      }
    }
  }
  return found
}

// Presses the button by the keyboard alone, without scripts, and looks at what comes.
async function leave (browser) {
  const context = await browser.newContext({ locale: 'en-US', javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(unsubscribe, PATIENCE)
  await page.keyboard.press('Tab')
  await page.screenshot({ path: `${screenshots}/focus.png` })
  const navigation = page.waitForEvent('framenavigated', PATIENCE)
  await page.keyboard.press('Enter')
  await navigation
  await page.waitForLoadState('load', PATIENCE)
  const heading = await page.textContent('h1', PATIENCE)
  const cookies = (await context.cookies()).length
  await page.screenshot({ path: `${screenshots}/done.png` })
  await context.close()
  return { heading, cookies }
}

async function main () {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync']
  })
  try {
    const seen = { read: await read(browser), look: await look(browser), leave: await leave(browser) }
    console.log(JSON.stringify(seen))
  } finally {
    await browser.close()
  }
}

main().catch(error => { console.error(error); process.exit(1) })
