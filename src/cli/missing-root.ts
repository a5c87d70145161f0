/** What helps with a root that is not there: what is there instead, and what a copy would make on the way to it. */
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ParsedEnsemble, ParsedFile, ParsedLocation } from '../locations/parse-location.ts'
import type { Reach } from '../locations/same-ensemble.ts'
import { UsageProblem } from '../tree/errors.ts'
import { formatCount } from '../tree/plural.ts'

const MOST_NAMED = 5
const LONGEST_NAME = 60
/** The servers answered a moment ago, and nobody waits long for what only helps. */
const HELP_FOR_MS = 10_000

/** The end of a sentence that says that the root does not exist; empty when there is nothing to add. Never throws. */
export async function whatIsThere(connect: ParsedEnsemble, auth: Reach['auth']): Promise<string> {
  try {
    const { wayToRoot } = await import('../locations/way-to-root.ts')
    const { nearest, children } = await wayToRoot({ connect, auth, retryForMs: HELP_FOR_MS }, connect.path)
    const named = children.filter((name) => name.length <= LONGEST_NAME).slice(0, MOST_NAMED)
    if (named.length === 0) return `; the nearest that does is ${nearest}`
    const more = children.length - named.length
    const rest = more > 0 ? ` and ${formatCount(more)} more` : ''
    return `; the nearest that does is ${nearest}, with ${named.join(', ')}${rest} in it`
  } catch {
    return ''
  }
}

/** What a copy would make above a target root that is not there, from above. Never throws: then it is not known. */
export async function missingAbove(at: ParsedLocation, auth: Reach['auth']): Promise<string[]> {
  const names = at.path.split('/').slice(1, -1)
  if (names.length === 0) return []
  // A server that boots from a snapshot needs the way to its root; an archive has none.
  if (at.kind === 'snapshot') return names.map((_, depth) => `/${names.slice(0, depth + 1).join('/')}`)
  if (at.kind !== 'ensemble') return []
  try {
    const { wayToRoot } = await import('../locations/way-to-root.ts')
    return (await wayToRoot({ connect: at, auth, retryForMs: HELP_FOR_MS }, at.path)).missing
  } catch {
    return []
  }
}

/** @throws UsageProblem for `archive:FILE/path` and `datadir:DIR/path`, where the path was taken for a part of the file's */
export function refuseSwallowedPath({ kind, file }: ParsedFile): void {
  if (existsSync(file)) return
  for (let above = dirname(file); above !== dirname(above); above = dirname(above)) {
    if (!existsSync(above)) continue
    const isOne = kind === 'datadir' ? existsSync(join(above, 'version-2')) : statSync(above).isFile()
    if (!isOne) return
    throw new UsageProblem(
      `There is no ${file}; a path in ${above} goes after a #: ${kind}:${above}#${file.slice(above.length)}.`,
    )
  }
}
