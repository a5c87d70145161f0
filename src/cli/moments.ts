/** Moments in logs as a user names them. */
import { milliseconds, type ParseValue, wrong } from './values.ts'

/** By its transaction, or by the leader's clock: milliseconds since the epoch. */
export type Bound = { zxid: bigint } | { time: bigint }

const ZXID = /^0x[0-9a-f]{1,16}$/i
const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/i

/** A zxid (`0x100000005`), a time (`2026-11-23T18:00:00Z`; local without a zone), or how long ago (`2h`). */
export function bound(flag: string): ParseValue<Bound> {
  return (text) => {
    if (ZXID.test(text)) return { zxid: BigInt.asIntN(64, BigInt(text)) }
    const ago = milliseconds(text)
    if (ago !== null) return { time: BigInt(Date.now() - ago) }
    const time = DATE.test(text) ? Date.parse(isoOf(text)) : Number.NaN
    if (Number.isNaN(time)) {
      const forms =
        'a time such as 2026-11-23T18:00:00Z, how long ago such as 2h, or a zxid such as 0x100000005'
      throw wrong(flag, text, `is no moment: write ${forms}`)
    }
    return { time: BigInt(time) }
  }
}

/** A date alone is a day's beginning here, not in Greenwich. */
function isoOf(text: string): string {
  return text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T')
}
