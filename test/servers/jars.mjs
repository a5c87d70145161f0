// Where ZooKeeper's jars come from. Plain JavaScript without dependencies, because the set-up script
// (scripts/setup.mjs) runs it on a clone that has nothing installed yet.
import { execFileSync, spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The versions that the project is tested with. */
export const VERSIONS = ['3.4.6', '3.4.13', '3.4.14', '3.5.10', '3.6.4', '3.7.2', '3.8.4', '3.9.3', '3.9.5']

/** What to say when no provider works. */
export const WHAT_TO_INSTALL =
  'no ZooKeeper server can be started: install a Docker engine, or Java and Maven (Debian: apt install default-jre-headless maven), or ZooKeeper itself (Debian: apt install libzookeeper-java)'

const MAVEN_LIMIT_MS = 10 * 60_000

/** @returns {string} the nearest folder above this file that holds package.json: the checkout */
export function projectRoot() {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder)
    if (above === folder) throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}`)
    folder = above
  }
  return folder
}

/** @returns {string} the folder that holds one folder of jars for each version */
export function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'zkferry')
}

/** @param {string} version @returns {string} */
export function jarFolder(version) {
  return join(cacheFolder(), `zookeeper-${version}`)
}

/** @param {string} version @returns {boolean} */
export function hasJars(version) {
  return existsSync(jarFolder(version))
}

/** @param {string} command @param {string[]} args */
function answers(command, args) {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 30_000 })
    return true
  } catch {
    return false
  }
}

/** @returns {string} the java command: JAVA_HOME's, else the one on the PATH */
export function javaCommand() {
  const home = process.env.JAVA_HOME
  return home && existsSync(join(home, 'bin', 'java')) ? join(home, 'bin', 'java') : 'java'
}

export const hasJava = () => answers(javaCommand(), ['-version'])
export const hasMaven = () => answers('mvn', ['-v'])
export const hasDocker = () => answers('docker', ['version', '--format', '{{.Server.Version}}'])

/**
 * Brings the jars of one version into the cache by Maven, unless they are there.
 * Safe when several processes do it at once: one works, under a lock, the others wait for it.
 *
 * @param {string} version
 * @returns {Promise<string>} the folder with the jars
 */
export async function fetchJars(version) {
  const folder = jarFolder(version)
  if (hasJars(version)) return folder
  mkdirSync(cacheFolder(), { recursive: true })
  const unlock = await lock(join(cacheFolder(), 'maven.lock'))
  try {
    if (hasJars(version)) return folder
    const fresh = mkdtempSync(join(cacheFolder(), `incoming-${version}-`))
    try {
      await runMaven(version, fresh)
      takePlace(fresh, folder)
    } finally {
      rmSync(fresh, { recursive: true, force: true })
    }
    return folder
  } finally {
    unlock()
  }
}

/** @param {string} fresh @param {string} folder */
function takePlace(fresh, folder) {
  try {
    renameSync(fresh, folder)
  } catch (error) {
    // Two that took over the same stale lock may both get here: the first one's jars are as good.
    if (!existsSync(folder)) throw error
  }
}

/** @param {string} version @param {string} output */
async function runMaven(version, output) {
  const args = ['-q', '-B', '-f', join(projectRoot(), 'test', 'servers', 'pom.xml')]
  args.push(
    `-Dzookeeper.version=${version}`,
    `-Dslf4j.version=${version.startsWith('3.9.') ? '2.0.13' : '1.7.36'}`,
  )
  args.push('dependency:copy-dependencies')
  args.push('-DincludeScope=runtime', `-DoutputDirectory=${output}`)
  const maven = spawn('mvn', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: MAVEN_LIMIT_MS })
  let said = ''
  for (const stream of [maven.stdout, maven.stderr]) {
    stream.on('data', (chunk) => {
      said = (said + chunk).slice(-4000)
    })
  }
  const code = await new Promise((resolve, reject) => maven.on('error', reject).on('close', resolve))
  if (code === 0 && existsSync(join(output, `zookeeper-${version}.jar`))) return
  throw new Error(
    `Maven could not bring the jars of ZooKeeper ${version} (exit code ${code}): ${said.trim()}`,
  )
}

/**
 * A lock file with its owner's pid; the lock of a process that is gone is taken over.
 *
 * @param {string} file
 * @returns {Promise<() => void>} releases it
 */
async function lock(file) {
  const end = Date.now() + MAVEN_LIMIT_MS
  while (Date.now() < end) {
    try {
      const descriptor = openSync(file, 'wx')
      writeSync(descriptor, String(process.pid))
      closeSync(descriptor)
      return () => rmSync(file, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      if (isStale(file)) rmSync(file, { force: true })
      else await sleep(100)
    }
  }
  throw new Error(`${file} was held for ten minutes: remove it if no Maven is running`)
}

/** @param {string} file */
function isStale(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    // An empty file belongs to a process that is just about to write its pid.
    return pid > 0 && !isAlive(pid)
  } catch {
    return false
  }
}

/** @param {number} pid @returns {boolean} */
export function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/**
 * A ZooKeeper that is already on the machine: ZOOKEEPER_HOME, or Debian's libzookeeper-java.
 *
 * @returns {{version: string, classpath: string[]} | undefined}
 */
export function installedZooKeeper() {
  const home = process.env.ZOOKEEPER_HOME
  for (const folder of home ? [join(home, 'lib'), home] : []) {
    const jars = jarsIn(folder)
    const version = versionAmong(jars)
    if (version)
      return { version, classpath: [...jars, ...(folder === home ? jarsIn(join(home, 'lib')) : [])] }
  }
  const debian = jarsIn('/usr/share/java')
  const version = versionAmong(debian)
  if (!version) return undefined
  const needed =
    /\/(zookeeper|zookeeper-jute|slf4j-api|slf4j-simple|commons-cli|netty-(all|buffer|codec|common|handler|resolver|transport.*)|snappy-java|metrics-core|audience-annotations|jackson-(core|databind|annotations)|commons-io|commons-lang)\.jar$/
  return { version, classpath: debian.filter((jar) => needed.test(jar)) }
}

/** @param {string} folder @returns {string[]} */
function jarsIn(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jar'))
    .map((name) => join(folder, name))
}

/** @param {string[]} jars */
function versionAmong(jars) {
  for (const jar of jars) {
    const version = /\/zookeeper-(\d+\.\d+\.\d+)[^/]*\.jar$/.exec(jar)?.[1]
    if (version) return version
  }
  return undefined
}
