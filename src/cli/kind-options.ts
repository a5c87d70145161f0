/** Flags about kinds of znodes, which a live source does not show. */
import type { Command } from 'commander'
import { type KindOptions, LONGEST_TTL_MS } from '../tree/create-mode.ts'
import { glob, milliseconds, wrong } from './values.ts'

export interface TtlRule {
  glob: string
  ttlMs: number
}

export interface KindFlags {
  container?: string[]
  ttl?: TtlRule[]
  plainKinds?: boolean
}

export function addKindOptions(command: Command): Command {
  return command
    .option(
      '--container <glob>',
      'make what matches as containers: a live source does not show which znodes are (repeatable)',
      glob('--container'),
    )
    .option(
      '--ttl <glob=duration>',
      'make what matches with this TTL, such as "locks/*=1h" (repeatable; the first that matches counts)',
      ttl,
    )
    .option('--plain-kinds', 'make plain znodes of what the target cannot make as containers or with a TTL')
}

export function kindOptions(flags: KindFlags): KindOptions {
  return { containers: flags.container ?? [], ttls: flags.ttl ?? [], plain: flags.plainKinds === true }
}

function ttl(text: string, before: TtlRule[] | undefined): TtlRule[] {
  const at = text.lastIndexOf('=')
  const ms = at < 0 ? null : milliseconds(text.slice(at + 1))
  if (ms === null)
    throw wrong('--ttl', text, 'does not end with a duration: write GLOB=DURATION, such as "locks/*=1h"')
  if (ms < 1 || ms > LONGEST_TTL_MS)
    throw wrong(
      '--ttl',
      text,
      `is out of range: a TTL is 1ms at least and ${LONGEST_TTL_MS}ms (12725d) at most`,
    )
  const [pattern = ''] = glob('--ttl')(text.slice(0, at), undefined)
  return [...(before ?? []), { glob: pattern, ttlMs: ms }]
}
