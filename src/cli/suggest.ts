/** Options that somebody may have meant: those of a command that has them for a side, or without one. */
import type { Command } from 'commander'

const SIDE = /^--(?:source|target)-/

/** A sentence's end, or an empty text. commander's own guesses are by letters alone. */
export function suggestion(unknown: string, command: Command): string {
  const all = command.options.flatMap(({ long }) => long ?? [])
  const bare = unknown.replace(SIDE, '--')
  const same = all.filter((long) => long !== unknown && long.replace(SIDE, '--') === bare)
  const meant = same.length > 0 ? same : all.filter((long) => long.startsWith(`${unknown}-`))
  return meant.length === 0 ? '' : ` (Did you mean ${meant.join(' or ')}?)`
}
