/** A row of the benchmark, and the lines that it puts into the table. */
import type { Bench, Sample } from './bench.ts'

export interface Row {
  name: string
  about: string
  /** Run when no rows are named. */
  byDefault: boolean
  run(bench: Bench): Promise<Line[]>
}

export interface Line {
  work: string
  /** What zkferry took. */
  sample: Sample | null
  /** `3.1 s × 1.2`, or why there is nothing to say. */
  against: string
  /** `null` where there is no ratio. */
  ratio: number | null
  /** `≤ 1.3`, `≥ 12`, or empty. */
  goal: string
  met: boolean | null
}

/** zkferry's time divided by another's: at most `most`. */
export function atMost(work: string, sample: Sample, against: string, seconds: number, most: number): Line {
  const ratio = sample.seconds / seconds
  return {
    work,
    sample,
    against: `${against}: ${seconds.toFixed(2)} s`,
    ratio,
    goal: `≤ ${most}`,
    met: ratio <= most,
  }
}

/** Another's time a znode divided by zkferry's: at least `least`; 0 for no goal. */
export function timesFaster(work: string, sample: Sample, against: string, other: Sample, least = 0): Line {
  const ratio = other.seconds / other.znodes / (sample.seconds / sample.znodes)
  return {
    work,
    sample,
    against: `${against}: ${other.seconds.toFixed(2)} s`,
    ratio,
    goal: least > 0 ? `≥ ${least} × faster` : 'faster',
    met: least > 0 ? ratio >= least : null,
  }
}

/** zkferry's znodes a second, as a share of its own on another tree. */
export function rateAtLeast(
  work: string,
  sample: Sample,
  against: string,
  other: Sample,
  least: number,
): Line {
  const [rate, otherRate] = [sample.znodes / sample.seconds, other.znodes / other.seconds]
  const ratio = rate / otherRate
  const beside = `${against}: ${Math.round(otherRate).toLocaleString('en')} znodes/s`
  return { work, sample, against: beside, ratio, goal: `≥ ${least}`, met: ratio >= least }
}

/** What counts is that it came to its end. */
export function done(work: string, sample: Sample): Line {
  return { work, sample, against: '', ratio: null, goal: 'done', met: true }
}

/** A figure that is a limit of its own. */
export function withinLimit(
  work: string,
  sample: Sample,
  what: string,
  value: number,
  limit: number,
  unit: string,
): Line {
  return {
    work,
    sample,
    against: `${what} ${value.toFixed(value < 10 ? 2 : 0)} ${unit}`,
    ratio: null,
    goal: `< ${limit} ${unit}`,
    met: value < limit,
  }
}

export function leftOut(work: string, why: string): Line {
  return { work, sample: null, against: `left out: ${why}`, ratio: null, goal: '', met: null }
}

export const NO_ZKCOPY = 'ZKCOPY_JAR is not set'
