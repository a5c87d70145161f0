/** `--ignore PART`: parts of a znode that are not compared, or not in the digest. */
import type { Command } from 'commander'
import { wrong } from './values.ts'

export type Part = 'acl'

export interface IgnoreFlags {
  ignore?: Part[]
}

const PARTS: readonly Part[] = ['acl']

export function addIgnoreOption(command: Command): Command {
  return command.option('--ignore <part>', 'leave a part out: acl (repeatable)', collect)
}

export function ignores(flags: IgnoreFlags, part: Part): boolean {
  return flags.ignore?.includes(part) ?? false
}

function collect(text: string, before: Part[] | undefined): Part[] {
  const part = PARTS.find((known) => known === text)
  if (!part) throw wrong('--ignore', text, `is no part that can be left out: ${PARTS.join(', ')}`)
  return [...(before ?? []), part]
}
