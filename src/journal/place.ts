/** Where journals lie when the user names none. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { JournalProblem } from '../tree/errors.ts'

const EXTENSION = '.journal'
const UNDO_EXTENSION = '.undo'

/** `$ZKFERRY_STATE`, else `$XDG_STATE_HOME/zkferry`, else `~/.local/state/zkferry`. @throws JournalProblem without a home */
export function stateDirectory(env: Record<string, string | undefined> = process.env): string {
  if (env.ZKFERRY_STATE) return env.ZKFERRY_STATE
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, 'zkferry')
  return join(env.HOME || home(), '.local', 'state', 'zkferry')
}

/** As in a container that runs as a number without a name. */
function home(): string {
  let [found, cause]: [string, unknown] = ['', undefined]
  try {
    found = homedir()
  } catch (error) {
    cause = error
  }
  // An empty one would be the folder where the command happens to run.
  if (found !== '') return found
  throw new JournalProblem(
    'This user has no home folder to keep a journal in; name a file with --journal, or a folder in ZKFERRY_STATE.',
    { cause },
  )
}

/**
 * The journal's file for these two locations. The order of a host list does not change it.
 * Makes the state folder, with mode 0700, when it is missing.
 * @throws JournalProblem when that cannot be done.
 */
export function defaultJournalFile(stateDir: string, source: string, target: string): string {
  makeStateFolder(stateDir, '--journal')
  const [from, to] = [plain(source), plain(target)]
  const mark = createHash('sha256').update(`${from}\n${to}`).digest('hex').slice(0, 10)
  return join(stateDir, `${slug(from)}--${slug(to)}-${mark}${EXTENSION}`)
}

/** `option` names a file elsewhere. */
function makeStateFolder(stateDir: string, option: string): void {
  try {
    makeFolders(stateDir)
  } catch (error) {
    throw new JournalProblem(
      `The state folder ${stateDir} cannot be made (${(error as NodeJS.ErrnoException).code}); name a file with ${option}, or another folder in ZKFERRY_STATE.`,
      { cause: error },
    )
  }
}

/** Step by step: Node's recursive mkdir never ends where the system says ENOENT for good, as below /proc. */
function makeFolders(folder: string): void {
  const missing: string[] = []
  const last = resolve(folder)
  for (let at = last; at === last || !existsSync(at); at = dirname(at)) missing.push(at)
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each, { mode: 0o700 })
    } catch (error) {
      // There already, or made by another process meanwhile.
      if (!statSync(each, { throwIfNoEntry: false })?.isDirectory()) throw error
    }
  }
}

/** Beside the journal, for what one run overwrites or deletes. */
export function undoFileBeside(journal: string, runId: string): string {
  const stem = journal.endsWith(EXTENSION) ? journal.slice(0, -EXTENSION.length) : journal
  return `${stem}.${runId}${UNDO_EXTENSION}`
}

/** For a job without a journal. Makes the state folder when it is missing. @throws JournalProblem */
export function undoFileIn(stateDir: string, location: string, now: Date, mark: string): string {
  makeStateFolder(stateDir, '--undo')
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '')
  return join(stateDir, `rmr-${slug(plain(location))}-${time}-${mark}${UNDO_EXTENSION}`)
}

/** All journals in a state folder, sorted; none when there is no such folder. */
export function journalFiles(stateDir: string): string[] {
  try {
    const names = readdirSync(stateDir).filter((name) => name.endsWith(EXTENSION))
    return names.sort().map((name) => join(stateDir, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new JournalProblem(
      `The state folder ${stateDir} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
      {
        cause: error,
      },
    )
  }
}

/** A location with what may be written in several ways written in one. */
function plain(location: string): string {
  const ensemble = /^(?:zk:\/\/|(zks:\/\/))?([^/#]+)(\/.*)?$/.exec(location)
  if (!ensemble || /^(archive|datadir|snapshot):/.test(location)) return location
  const [, tls = '', hosts = '', path = '/'] = ensemble
  const members = hosts.split(',').map((host) => (/:\d+$/.test(host) ? host : `${host}:2181`).toLowerCase())
  return tls + members.sort().join(',') + path
}

/** One host and the path, readable in a folder listing; the hash after it makes the name unique. */
function slug(location: string): string {
  const safe = location
    .replace(/,[^/]*/, '')
    .replace(/:2181(?=\/)/, '')
    .replace(/[^A-Za-z0-9.]+/g, '_')
    .replace(/^_|_$/g, '')
  return safe.length <= 60 ? safe : `${safe.slice(0, 40)}_${safe.slice(-19)}`
}
