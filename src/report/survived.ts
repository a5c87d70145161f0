/** What a run got over, in one line. */
import type { Survived } from '../tree/events.ts'
import { formatSeconds, plural } from './units.ts'

/** `null` for a clean run. */
export function survivedText(survived: Survived): string | null {
  const { reconnects, expiredSessions, waits, waitedSeconds, throttled, remarched } = survived
  const parts = [
    reconnects > 0 ? plural(reconnects, 'reconnect') : null,
    expiredSessions > 0 ? plural(expiredSessions, 'expired session') : null,
    waits > 0 ? `${formatSeconds(waitedSeconds)} without a server (${plural(waits, 'time')})` : null,
    throttled > 0 ? `slowed down ${plural(throttled, 'time')}` : null,
    remarched > 0 ? `${plural(remarched, 'directory', 'directories')} looked at again` : null,
  ].filter((part) => part !== null)
  return parts.length === 0 ? null : parts.join(', ')
}
