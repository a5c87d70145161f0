/** What the texts of two locations alone can tell about them. Two names for one ensemble take a session to find. */
import type { ParsedLocation } from '../locations/parse-location.ts'
import { UsageProblem } from '../tree/errors.ts'
import { isWithin } from '../tree/path.ts'

/** @throws UsageProblem when both are the same place, or one lies inside the other. */
export function refuseOverlap(source: ParsedLocation, target: ParsedLocation): void {
  if (!shareServer(source, target)) return
  if (source.path === target.path) {
    throw new UsageProblem(`The source ${source.text} and the target ${target.text} are the same place.`)
  }
  if (isWithin(source.path, target.path)) {
    throw new UsageProblem(
      `The source ${source.text} lies inside the target ${target.text}, on the same ensemble.`,
    )
  }
  if (isWithin(target.path, source.path)) {
    throw new UsageProblem(
      `The target ${target.text} lies inside the source ${source.text}, on the same ensemble.`,
    )
  }
}

/** A server belongs to one ensemble, so one in common is enough. */
function shareServer(a: ParsedLocation, b: ParsedLocation): boolean {
  const names = new Set(a.hosts.map(({ host, port }) => `${host.toLowerCase()} ${port}`))
  return b.hosts.some(({ host, port }) => names.has(`${host.toLowerCase()} ${port}`))
}
