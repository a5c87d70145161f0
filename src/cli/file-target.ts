/** What makes no sense where the target is a file, which is made anew each time and takes its name all at once. */
import type { ParsedLocation } from '../locations/parse-location.ts'
import { UsageProblem } from '../tree/errors.ts'
import type { CopyFlags } from './copy.ts'

/** @throws UsageProblem */
export function refuseOnFile(flags: CopyFlags, target: ParsedLocation): void {
  if (target.kind === 'ensemble') return
  const beginsEmpty = 'a file begins with nothing in it'
  const reasons: readonly [flag: string, given: unknown, why: string][] = [
    ['--merge', flags.merge, beginsEmpty],
    ['--keep-existing', flags.keepExisting, beginsEmpty],
    ['--overwrite-newer', flags.overwriteNewer, beginsEmpty],
    ['--delete', flags.delete, beginsEmpty],
    ['--max-delete', flags.maxDelete !== undefined, beginsEmpty],
    ['--quota', flags.quota, 'a file keeps no quotas'],
    ['--ephemeral hold', flags.ephemeral === 'hold', 'no session lives in a file'],
    ['--include-root', flags.includeRoot, 'a file always takes the root as it is'],
  ]
  const [flag, , why] = reasons.find(([, given]) => given) ?? []
  if (flag !== undefined)
    throw new UsageProblem(`${flag} makes no sense with the target ${target.text}: ${why}; leave it out.`)
}
