/** Two locations that are one place, or one inside the other. */
import type { ParsedLocation } from '../locations/parse-location.ts'
import { UsageProblem } from '../tree/errors.ts'
import { isWithin } from '../tree/path.ts'

/** What the paths would be to each other on one ensemble, as a sentence's end; `null` when nothing. */
export function overlap(source: ParsedLocation, target: ParsedLocation): string | null {
  if (source.path === target.path) return 'are the same place'
  if (isWithin(source.path, target.path)) return 'are in one place, and the source lies inside the target'
  if (isWithin(target.path, source.path)) return 'are in one place, and the target lies inside the source'
  return null
}

/** What the texts alone can tell. Two names for one ensemble take a session to find. @throws UsageProblem */
export function refuseOverlapInText(source: ParsedLocation, target: ParsedLocation): void {
  if (shareServer(source, target)) refuseOverlap(source, target)
}

/** @throws UsageProblem for a target in what every ensemble keeps for itself. */
export function refuseReserved(target: ParsedLocation): void {
  if (!isWithin(target.path, '/zookeeper')) return
  throw new UsageProblem(
    `The target ${target.text} belongs to the ensemble itself, as everything in /zookeeper does; name a path outside it.`,
  )
}

/** For two locations that are known to be on one ensemble. @throws UsageProblem */
export function refuseOverlap(source: ParsedLocation, target: ParsedLocation): void {
  const how = overlap(source, target)
  if (how !== null) throw new UsageProblem(`The source ${source.text} and the target ${target.text} ${how}.`)
}

/** A server belongs to one ensemble, so one in common is enough; a file is itself. */
function shareServer(a: ParsedLocation, b: ParsedLocation): boolean {
  if (a.kind !== 'ensemble' || b.kind !== 'ensemble')
    return a.kind !== 'ensemble' && b.kind !== 'ensemble' && a.file === b.file
  const names = new Set(a.hosts.map(({ host, port }) => `${host.toLowerCase()} ${port}`))
  return b.hosts.some(({ host, port }) => names.has(`${host.toLowerCase()} ${port}`))
}
