/** `--ignore PART`: parts of a znode that are not compared, or not in the digest. */
import type { Command } from 'commander'
import { wrong } from './values.ts'

export type Part = 'acl' | 'sequence' | 'version' | 'kind'

export interface IgnoreFlags {
  ignore?: Part[]
}

/** A digest has no counters in it. */
export const DIGEST_PARTS: readonly Part[] = ['acl']
export const VERIFY_PARTS: readonly Part[] = ['acl', 'sequence', 'version', 'kind']

export function addIgnoreOption(command: Command, parts: readonly Part[]): Command {
  return command.option(
    '--ignore <part>',
    `leave a part out: ${parts.join(', ')} (repeatable)`,
    (text: string, before: Part[] | undefined) => collect(parts, text, before),
  )
}

export function ignores(flags: IgnoreFlags, part: Part): boolean {
  return flags.ignore?.includes(part) ?? false
}

function collect(parts: readonly Part[], text: string, before: Part[] | undefined): Part[] {
  const part = parts.find((known) => known === text)
  if (!part) throw wrong('--ignore', text, `is no part that can be left out: ${parts.join(', ')}`)
  return [...(before ?? []), part]
}
