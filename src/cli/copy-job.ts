/** From the flags of `copy` (and of `zkcopy`, which is a copy) to the job. */
import { existsSync } from 'node:fs'
import type { ParsedLocation } from '../locations/parse-location.ts'
import type { TreeSource } from '../tree/contracts.ts'
import { UsageProblem } from '../tree/errors.ts'
import type { JobResult } from '../tree/events.ts'
import { plural } from '../tree/plural.ts'
import { readAclMap } from './acl-map.ts'
import type { CopyFlags } from './copy.ts'
import { counterOptions } from './counter-options.ts'
import { isInteractive } from './io.ts'
import { identities, makeFilter, note, noteStrayIdentity, noteUnmatched, pace } from './job-options.ts'
import { kindOptions } from './kind-options.ts'
import { missingAbove } from './missing-root.ts'
import { openBoth } from './open-both.ts'
import type { Shell } from './shell.ts'
import { secured } from './tls.ts'
import { undoOfCopy } from './undo.ts'
import { version } from './version.ts'

export interface CopyRequest {
  command: 'copy' | 'zkcopy' | 'import'
  source: ParsedLocation
  target: ParsedLocation
  flags: CopyFlags
}

export async function runCopy(
  shell: Shell,
  request: CopyRequest,
  authFlags: Record<string, unknown>,
): Promise<JobResult> {
  const { flags } = request
  const filter = await makeFilter(flags)
  const aclMap = await readAclMap(flags)
  noteStrayIdentity(shell)
  if (!flags.acl)
    note(shell, 'ACLs are left out (--no-acl): what is created is open to everyone, and no ACL is compared')
  if (!flags.sequence) note(shell, 'sequence counters are left as they are (--no-sequence)')
  if (!flags.verify) note(shell, 'the target is not verified (--no-verify)')
  const [sourceAuth, targetAuth] = [
    await identities(authFlags, 'source', shell),
    await identities(authFlags, 'target', shell),
  ]
  const from = await secured(shell, request.source, authFlags, 'source')
  const to = await secured(shell, request.target, authFlags, 'target')
  const journal = flags.dryRun ? null : await openRunJournal(shell, request)
  const record = flags.dryRun ? await readRunJournal(shell, request) : null
  const [source, target] = await openBoth(shell, { from, to, sourceAuth, targetAuth, flags })
  if (to.kind === 'archive') refuseParts(source, to)
  const undo = undoOfCopy(shell, flags, to, journal)
  const { copy } = await import('../copy/copy.ts')
  const result = await copy(
    {
      source,
      target,
      journal,
      record,
      restart: flags.restart === true,
      version: version(),
      undo,
      missingAbove: () => missingAbove(to, targetAuth),
      options: {
        acl: flags.acl,
        aclMap,
        verify: flags.verify,
        dryRun: flags.dryRun === true,
        merge: flags.merge === true,
        keepExisting: flags.keepExisting === true,
        overwriteNewer: flags.overwriteNewer === true,
        includeRoot: flags.includeRoot === true,
        deleteExtras: flags.delete === true,
        maxDelete: flags.maxDelete ?? null,
        confirmDelete: (extras) => confirmDelete(shell, request, extras),
        filter,
        ephemeral: flags.ephemeral,
        counters: counterOptions(flags, {
          sequence: flags.sequence,
          version: true,
          strictSequence: false,
          // What the user calls another kind is not as on the source.
          kinds: flags.container === undefined && flags.ttl === undefined && !flags.plainKinds,
        }),
        kinds: kindOptions(flags),
        quota: flags.quota === true,
        maxSteps: flags.maxSteps,
        rounds: flags.rounds,
        settleMs: flags.settle,
        expectQuietMs: flags.expectQuiet ?? null,
        ...pace(flags),
      },
    },
    shell.context,
  )
  noteUnmatched(shell, filter, result)
  return result
}

/** A dry run writes nothing, but what earlier runs wrote is not strange to it. */
async function readRunJournal(shell: Shell, request: CopyRequest) {
  const { readJournal } = await import('../journal/index.ts')
  const file = await journalFile(shell, request)
  if (!existsSync(file)) return null
  const record = readJournal(file)
  shell.onEnd(record, () => record.close())
  return record
}

async function journalFile(shell: Shell, { source, target, flags }: CopyRequest): Promise<string> {
  const { defaultJournalFile, stateDirectory } = await import('../journal/index.ts')
  return flags.journal ?? defaultJournalFile(stateDirectory(shell.io.env), source.text, target.text)
}

async function openRunJournal(shell: Shell, request: CopyRequest) {
  const { command } = request
  const { openJournal } = await import('../journal/index.ts')
  const file = await journalFile(shell, request)
  shell.say(`journal: ${file}`)
  const journal = openJournal(file, { command })
  shell.onEnd(journal, () => journal.close())
  return journal
}

async function confirmDelete(shell: Shell, { flags, target }: CopyRequest, extras: number): Promise<boolean> {
  // A limit that was given is an answer already: the job has checked it.
  if (flags.yes || flags.maxDelete !== undefined || !isInteractive(shell.io)) return true
  return shell.ask(`Delete ${plural(extras, 'znode')} that only the target ${target.text} has?`)
}

/** Nothing would tell any more which znodes are in it, and which are only the way to them. @throws UsageProblem */
function refuseParts(source: TreeSource, to: ParsedLocation): void {
  if (source.holds === undefined) return
  throw new UsageProblem(
    `${source.name} holds parts of a tree only (it is an undo, or was made with --include or --exclude), and in ${to.text} they would pass for a whole one; copy the file itself, or into an ensemble or a snapshot.`,
  )
}
