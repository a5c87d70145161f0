/** A copy under which something breaks: begun for sure, not done yet. */
import { expect } from 'vitest'
import type { CliOptions } from '../cli/run-cli.ts'
import type { Place } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { expectWrittenOnce } from '../helpers/written-once.ts'
import { freshJournal, type Outcome, zkferry } from '../helpers/zkferry.ts'
import { freshRoot } from '../servers/shared.ts'

/** Short, so that a server that has gone silent is left after less than two seconds. */
export const SHORT = ['--timeout', '2500ms', '--retry-for', '90s']
const RATE = ['--rate', '600']

export interface During {
  from: Place
  to: Place
  /** As zkferry is told the two places. @default as they are */
  locations?: [source: string, target: string]
  args?: string[]
  options?: CliOptions
}

/** Copies, lets `fault` happen once some of it is on the target, and waits for the end. */
export async function copyDuring(
  { from, to, locations = [from.location, to.location], args = [], options = {} }: During,
  fault: (running: { pid: number }) => Promise<unknown>,
): Promise<Outcome> {
  let pid = 0
  const copying = zkferry(['copy', ...SHORT, ...RATE, '--journal', freshJournal(), ...args, ...locations], {
    ...options,
    onStart: (child) => {
      pid = child.pid as number
      options.onStart?.(child)
    },
  })
  await expect
    .poll(async () => (await to.client.exists(to.root))?.numChildren ?? 0, { timeout: 30_000 })
    .toBeGreaterThan(2)
  await fault({ pid })
  return copying
}

/** It ended well by itself: the target is as the source, nothing was written twice, nothing of ours is left there. */
export async function expectWhole(
  { from, to }: Pick<During, 'from' | 'to'>,
  outcome: Outcome,
): Promise<void> {
  expect(outcome.code, outcome.stderr).toBe(0)
  expect(outcome.summary).toMatchObject({ status: 'done', differences: 0 })
  await caughtUp(to)
  const copied = await readTree(to)
  expect(contents(copied)).toEqual(contents(await readTree(from)))
  expect([...copied].filter(([, { stat }]) => stat.ephemeralOwner !== 0n)).toEqual([])
  await expectWrittenOnce(to)
}

/**
 * What its client reads from now on is not older than this moment. A write tells: a sync may be answered by a leader
 * that was stalled, and does not know yet that there is another.
 */
export async function caughtUp({ client }: Pick<Place, 'client'>): Promise<void> {
  await expect
    .poll(
      async () => {
        const path = freshRoot('barrier')
        const made = await client.create(path, null).catch(() => null)
        if (made !== null) await client.delete(path).catch(() => null)
        return made !== null
      },
      { timeout: 60_000 },
    )
    .toBe(true)
}
