// Brings what `npm test`, `npm run demo` and `npm run bench` need on a fresh clone with only Node: packages, the
// built sources, ZooKeeper servers. Skips what is there; says one line for each thing that it does.
//
//   node scripts/setup.mjs [test|demo|bench|build] [--versions 3.4.14,3.9.5|all]
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import * as jars from '../test/servers/jars.mjs'

const DEFAULT_VERSIONS = ['3.4.14', '3.9.5']
const PURPOSES = ['test', 'demo', 'bench', 'build']

process.chdir(jars.projectRoot())
await main().catch((error) => {
  console.error(`zkferry set-up: ${error.message}`)
  process.exitCode = 1
})

async function main() {
  const { values, positionals } = parseArgs({
    options: { versions: { type: 'string' } },
    allowPositionals: true,
  })
  const purpose = positionals[0] ?? 'test'
  if (!PURPOSES.includes(purpose))
    throw new Error(`nothing to set up for '${purpose}': use ${PURPOSES.join(', ')}`)
  const versions =
    values.versions === 'all' ? jars.VERSIONS : (values.versions?.split(',') ?? DEFAULT_VERSIONS)
  for (const version of versions) {
    if (jars.VERSIONS.includes(version)) continue
    throw new Error(`ZooKeeper ${version} is not among the tested versions: ${jars.VERSIONS.join(', ')}`)
  }
  checkNode()
  const servers = (purpose !== 'build' || values.versions) && serversFor(purpose)
  installPackages()
  build('tsconfig.build.json', 'dist', ['src'])
  if (purpose !== 'build')
    build('tsconfig.tools.json', 'build', [
      'src',
      'bench',
      'fixtures',
      'scripts/demo',
      'test/servers',
      'test/hostile',
      'test/archive/fuzz',
      'test/datadir/fuzz',
      'test/faults',
    ])
  if (servers) await bringServers(versions)
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  throw new Error(`Node ${process.versions.node} is too old: install Node 20.19 or newer`)
}

function installPackages() {
  const installed = changedAt('node_modules/.package-lock.json')
  if (installed && installed >= changedAt('package-lock.json')) return
  say('installing packages (npm ci); the first time this takes some minutes')
  const npm = process.env.npm_execpath
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  const [command, all] = npm ? [process.execPath, [npm, ...args]] : ['npm', args]
  run(command, all, { ...process.env, ...nodeHeaders() }, 'npm ci failed: its own words are above')
}

/** Where a package is compiled, the headers that came with this Node serve, and nothing need be fetched for it. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath))
  if (!existsSync(join(prefix, 'include', 'node', 'node.h'))) return {}
  return { npm_package_config_node_gyp_nodedir: prefix }
}

/** @param {string} project @param {string} output @param {string[]} sources */
function build(project, output, sources) {
  const newest = Math.max(...[project, 'tsconfig.json', 'node_modules/.package-lock.json'].map(changedAt))
  if (oldestIn(output) >= Math.max(newest, ...sources.map(newestIn))) return
  say(`building ${output} (tsc)`)
  // Aside first: a process that runs from the old folder meanwhile never meets half a new one.
  const fresh = `.${output}-${process.pid}`
  try {
    const args = ['node_modules/typescript/bin/tsc', '-p', project, '--outDir', fresh, '--noEmitOnError']
    run(process.execPath, args, process.env, `the sources do not compile: see above (${project})`)
    if (existsSync(output)) renameSync(output, `${fresh}-old`)
    renameSync(fresh, output)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
    rmSync(`${fresh}-old`, { recursive: true, force: true })
  }
}

/** @param {string} purpose @returns {boolean} whether there will be servers: the demo has another part without them */
function serversFor(purpose) {
  try {
    checkServers()
    return true
  } catch (error) {
    if (purpose !== 'demo') throw error
    say(`${/** @type {Error} */ (error).message}. The demo does without, on files`)
    return false
  }
}

function checkServers() {
  const forced = process.env.ZKFERRY_SERVERS
  if (forced === 'none') throw new Error('no ZooKeeper server shall be started (ZKFERRY_SERVERS=none)')
  if ((!forced || forced === 'docker') && jars.hasDocker()) return
  if (
    jars.hasJava() &&
    (jars.hasMaven() || DEFAULT_VERSIONS.every(jars.hasJars) || jars.installedZooKeeper())
  )
    return
  throw new Error(jars.WHAT_TO_INSTALL)
}

/** @param {string[]} versions */
async function bringServers(versions) {
  const missing = versions.filter((version) => !jars.hasJars(version))
  const forced = process.env.ZKFERRY_SERVERS
  if (missing.length === 0 || (forced && forced !== 'maven')) return
  if (!forced && jars.hasDocker()) return
  if (!jars.hasMaven()) return
  for (const version of missing) {
    say(`bringing ZooKeeper ${version} (Maven, into ${jars.jarFolder(version)}; this may take a minute)`)
    try {
      await jars.fetchJars(version)
    } catch (error) {
      const installed = jars.installedZooKeeper()
      if (!installed || forced) throw error
      say(`Maven could not; the installed ZooKeeper ${installed.version} stands in`)
      return
    }
  }
}

/** @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} env @param {string} sentence */
function run(command, args, env, sentence) {
  try {
    execFileSync(command, args, { env, stdio: ['ignore', 2, 2] })
  } catch {
    throw new Error(sentence)
  }
}

/** @param {string} path @returns {number} milliseconds; 0 when there is no such file */
function changedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** @param {string} folder @returns {number[]} */
function times(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => changedAt(join(entry.parentPath, entry.name)))
}

/** @param {string} folder */
function newestIn(folder) {
  return Math.max(0, ...times(folder))
}

/** @param {string} folder */
function oldestIn(folder) {
  const all = times(folder)
  return all.length === 0 ? 0 : Math.min(...all)
}

/** @param {string} line */
function say(line) {
  console.error(`zkferry set-up: ${line}`)
}
