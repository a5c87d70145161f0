// What is installed with zkferry, or to build and test it: under which licences, whether the lockfile pins every byte
// of it, and what may run code of its own while it is installed. Reads files only.
//
//   node scripts/licences.mjs [--list]
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** For what users install. */
const ALLOWED = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
  'WTFPL',
])
/** For what only builds and tests it, and is handed to nobody. */
const ALLOWED_FOR_DEVELOPMENT = new Set([...ALLOWED, 'MPL-2.0'])
/** Scripts that npm runs by itself when somebody installs the package. */
const OWN_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish']

const { values } = parseArgs({ options: { list: { type: 'boolean' } } })
const root = new URL('..', import.meta.url).pathname
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
/** @type {Record<string, { version: string, integrity?: string, link?: boolean, dev?: boolean, optional?: boolean, license?: string, hasInstallScript?: boolean }>} */
const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages

/** @type {string[]} */
const wrong = []
/** @type {Map<string, string[]>} */
const byLicence = new Map()
let unpinned = 0

for (const script of OWN_SCRIPTS)
  if (own.scripts?.[script]) wrong.push(`package.json has a script that runs on installation: ${script}`)

for (const [path, entry] of Object.entries(locked)) {
  if (path === '' || entry.link) continue
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const licence = entry.license ?? installedLicence(path)
  const allowed = entry.dev ? ALLOWED_FOR_DEVELOPMENT : ALLOWED
  if (!agrees(licence, allowed))
    wrong.push(`${name} ${entry.version} has the licence ${licence}, which is not on the list`)
  if (!entry.integrity?.startsWith('sha512-')) {
    // npm leaves it out for platforms that it was never asked to install for.
    if (entry.dev && entry.optional) unpinned++
    else wrong.push(`${name} ${entry.version} is not pinned by a sha512 sum`)
  }
  if (entry.hasInstallScript && own.allowScripts?.[name] === undefined)
    wrong.push(
      `${name} ${entry.version} runs code when it is installed, and package.json's allowScripts does not say whether it may`,
    )
  byLicence.set(licence, [
    ...(byLicence.get(licence) ?? []),
    `${name} ${entry.version}${entry.dev ? ' (development)' : ''}`,
  ])
}

for (const [licence, names] of [...byLicence].sort()) {
  console.log(`${licence}: ${names.length}`)
  if (values.list) for (const name of names.sort()) console.log(`  ${name}`)
}
if (unpinned > 0)
  console.log(`${unpinned} for development on other platforms are pinned by their version alone`)
for (const sentence of wrong) console.error(sentence)
process.exitCode = wrong.length === 0 ? 0 : 1

/**
 * Old packages say it in their own way.
 * @param {string} path
 * @returns {string}
 */
function installedLicence(path) {
  const file = join(root, path, 'package.json')
  if (!existsSync(file)) return 'unknown (not installed)'
  const { license, licenses } = JSON.parse(readFileSync(file, 'utf8'))
  return (
    license?.type ??
    license ??
    licenses?.map((/** @type {{ type: string }} */ each) => each.type).join(' OR ') ??
    'none'
  )
}

/**
 * @param {string} licence an SPDX expression of names with OR or AND between them
 * @param {ReadonlySet<string>} allowed
 */
function agrees(licence, allowed) {
  const bare = licence.replace(/^\((.*)\)$/, '$1')
  if (bare.includes(' AND ')) return bare.split(' AND ').every((each) => allowed.has(each))
  return bare.split(' OR ').some((each) => allowed.has(each))
}
