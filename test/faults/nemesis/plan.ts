/** What one run does: which job on which tree, and which faults when. All of it follows from the seed. */
import { RandomStream } from '../../../fixtures/random.ts'
import type { Part } from '../frames.ts'
import type { Direction } from '../proxy.ts'

export type Side = 'source' | 'target'
export type Job = 'copy' | 'copy --delete' | 'resume' | 'verify' | 'rmr'

export type Fault =
  | { do: 'cut'; side: Side }
  | { do: 'cut in mid-frame'; side: Side; direction: Direction }
  | { do: 'cut after'; side: Side; direction: Direction; bytes: number }
  | { do: 'freeze'; side: Side; ms: number }
  | { do: 'lose'; side: Side; direction: Direction }
  | { do: 'slow'; side: Side; delayMs: number; jitterMs: number; bytesPerSecond: number | null }
  | { do: 'refuse'; side: Side; ms: number }
  | { do: 'silence'; side: Side; ms: number }
  | { do: 'repeat replies'; side: Side }
  | { do: 'corrupt replies'; side: Side; frames: number; part: Part }
  | { do: 'expire sessions'; side: Side }
  | { do: 'kill the server'; side: Side; ms: number }
  | { do: 'stall the server'; side: Side; ms: number }
  | { do: 'kill zkferry' }
  | { do: 'terminate zkferry' }
  | { do: 'stop zkferry'; ms: number }

export interface Plan {
  seed: string
  job: Job
  znodes: number
  /** The tool has the owner's identity on the target; without it, locked directories need a temporary one. */
  known: boolean
  ephemerals: number
  /** `verify`: something on the target is made unlike the source. */
  unlike: boolean
  args: string[]
  /** Milliseconds after the process has begun. */
  faults: { at: number; fault: Fault }[]
}

const JOBS: readonly Job[] = [
  'copy',
  'copy',
  'copy',
  'copy --delete',
  'copy --delete',
  'resume',
  'resume',
  'verify',
  'rmr',
]
const PARTS: readonly Part[] = ['length', 'xid', 'zxid', 'error', 'body', 'body', 'body']

export function planOf(seed: string): Plan {
  const random = new RandomStream(`plan ${seed}`)
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)] as T
  const job = pick(JOBS)
  const side = (): Side => (job === 'rmr' ? 'target' : pick(['source', 'target'] as const))
  const direction = () => pick(['requests', 'replies'] as const)
  const ms = (most: number) => 50 + random.below(most)
  const makers: (() => Fault)[] = [
    () => ({ do: 'cut', side: side() }),
    () => ({ do: 'cut', side: side() }),
    () => ({ do: 'cut in mid-frame', side: side(), direction: direction() }),
    () => ({ do: 'cut after', side: side(), direction: direction(), bytes: random.below(3000) }),
    () => ({ do: 'freeze', side: side(), ms: ms(4000) }),
    () => ({ do: 'lose', side: side(), direction: direction() }),
    () => ({
      do: 'slow',
      side: side(),
      delayMs: random.below(40),
      jitterMs: random.below(40),
      bytesPerSecond: pick([null, 100_000, 1_000_000]),
    }),
    () => ({ do: 'refuse', side: side(), ms: ms(2000) }),
    () => ({ do: 'silence', side: side(), ms: ms(2000) }),
    () => ({ do: 'repeat replies', side: side() }),
    () => ({ do: 'corrupt replies', side: side(), frames: 1 + random.below(3), part: pick(PARTS) }),
    () => ({ do: 'expire sessions', side: side() }),
    () => ({ do: 'expire sessions', side: side() }),
    () => ({ do: 'kill the server', side: side(), ms: ms(1000) }),
    () => ({ do: 'stall the server', side: side(), ms: ms(4000) }),
    () => ({ do: 'kill zkferry' }),
    () => ({ do: 'terminate zkferry' }),
    () => ({ do: 'stop zkferry', ms: ms(4000) }),
  ]
  const span = 300 + random.below(1500)
  const faults = Array.from({ length: 1 + random.below(5) }, () => ({
    at: random.below(span),
    fault: pick(makers)(),
  }))
  if (job === 'resume') faults.push({ at: 250 + random.below(1000), fault: { do: 'kill zkferry' } })
  faults.sort((a, b) => a.at - b.at)
  const rate = pick([null, '50', '100', '200', '500'])
  return {
    seed,
    job,
    znodes: random.below(10) === 0 ? 500 + random.below(1000) : 20 + random.below(200),
    known: job === 'verify' || job === 'copy --delete' || job === 'rmr' || random.below(2) === 0,
    ephemerals: job === 'rmr' ? 0 : Math.max(0, random.below(6) - 2),
    unlike: random.below(2) === 0,
    args: [
      ...['--timeout', pick(['2s', '3s', '6s']), '--retry-for', '40s', '--sessions', pick(['1', '2', '8'])],
      ...(rate === null ? [] : ['--rate', rate]),
    ],
    faults,
  }
}

/** Flipped bits may raise a counter, and make data be written twice. */
export function isCorrupting(plan: Plan): boolean {
  return plan.faults.some(({ fault }) => fault.do === 'corrupt replies')
}
