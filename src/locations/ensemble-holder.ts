/** Ephemeral znodes at an ensemble, held by a session of their own. */
import type { ChangeOutcome, EphemeralHolder, HoldChange, Occupant } from '../tree/contracts.ts'
import { absolutePath } from '../tree/path.ts'
import { pause } from '../tree/windows.ts'
import {
  ClientClosedError,
  CreateFlag,
  type MultiOp,
  operations,
  ZooKeeperError,
} from '../zookeeper/index.ts'
import { rawAcl } from './acl-cache.ts'
import { type Failures, isLost } from './failures.ts'
import { type KeeperOptions, SessionKeeper } from './session-keeper.ts'

/** A session whose connection is lost at the end is given so long to find a server, and as long again to close. */
const CLOSE_MS = 2_000

export class EnsembleHolder implements EphemeralHolder {
  expired = 0
  readonly #options: KeeperOptions
  readonly #root: string
  readonly #failures: Failures
  readonly #closing = new AbortController()
  #session: SessionKeeper | null = null
  #sessionId: bigint | null = null

  constructor(options: KeeperOptions, root: string, failures: Failures) {
    this.#options = options
    this.#root = root
    this.#failures = failures
  }

  async look(paths: readonly string[]): Promise<Occupant[]> {
    const session = this.#open()
    const wanted = paths.map((path) => absolutePath(this.#root, path))
    for (;;) {
      const { sessionId } = await session.client()
      const outcomes = await session.read(operations.exists, wanted)
      // One that expired meanwhile was replaced: who is "ours" has changed under the replies.
      if ((await session.client()).sessionId !== sessionId) continue
      if (this.#sessionId !== null && this.#sessionId !== sessionId) this.expired++
      this.#sessionId = sessionId
      return outcomes.map((outcome): Occupant => {
        if (outcome instanceof ZooKeeperError) return this.#failures.ofZnode(outcome)
        if (outcome.stat === null) return { is: 'free' }
        const { ephemeralOwner, version } = outcome.stat
        if (ephemeralOwner === sessionId) return { is: 'ours', version }
        return { is: ephemeralOwner === 0n ? 'persistent' : 'ephemeral' }
      })
    }
  }

  async apply(changes: readonly HoldChange[]): Promise<ChangeOutcome[]> {
    const session = this.#open()
    const outcomes = new Array<ChangeOutcome>(changes.length)
    const of = <K extends HoldChange['kind']>(kind: K) =>
      [...changes.entries()].filter(
        (entry): entry is [number, Extract<HoldChange, { kind: K }>] => entry[1].kind === kind,
      )
    const settle = (all: readonly [number, HoldChange][], replies: readonly unknown[]) => {
      for (const [index, [at]] of all.entries()) outcomes[at] = this.#outcomeOf(replies[index])
    }
    const [drops, sets, replaces, makes] = [of('drop'), of('set'), of('replace'), of('make')]
    await Promise.all([
      session
        .send(
          operations.deleteZnode,
          drops.map(([, { path, version }]) => ({ path: this.#at(path), version })),
        )
        .then((replies) => settle(drops, replies)),
      session
        .send(
          operations.setData,
          sets.map(([, { path, data, version }]) => ({ path: this.#at(path), data, version })),
        )
        .then((replies) => settle(sets, replies)),
      session
        .send(
          operations.multi,
          replaces.map(([, change]) => this.#replacement(change)),
        )
        .then((replies) => settle(replaces, replies)),
      session
        .send(
          operations.create,
          makes.map(([, { path, data, acl }]) => ({
            path: this.#at(path),
            data,
            acl: rawAcl(acl),
            flags: CreateFlag.ephemeral,
          })),
        )
        .then((replies) => settle(makes, replies)),
    ])
    return outcomes
  }

  async close(): Promise<boolean> {
    this.#closing.abort()
    if (this.#session === null) return true
    const client = await Promise.race([this.#session.client().catch(() => null), pause(CLOSE_MS)])
    if (!client) return this.#sessionId === null
    await Promise.race([client.attached().catch(() => {}), pause(CLOSE_MS)])
    // One that has expired holds nothing any more.
    if (client.state === 'expired') return true
    await Promise.race([this.#session.close(), pause(CLOSE_MS)])
    return client.closeConfirmed
  }

  #open(): SessionKeeper {
    if (this.#closing.signal.aborted) throw this.#failures.ofLocation(new ClientClosedError())
    this.#session ??= new SessionKeeper({ ...this.#options, signal: this.#closing.signal }, this.#failures)
    return this.#session
  }

  #at(path: string): string {
    return absolutePath(this.#root, path)
  }

  #replacement({ path, data, acl, version }: Extract<HoldChange, { kind: 'replace' }>): MultiOp[] {
    const at = this.#at(path)
    return [
      { op: 'delete', path: at, version },
      { op: 'create', path: at, data, acl: rawAcl(acl), flags: CreateFlag.ephemeral },
    ]
  }

  #outcomeOf(reply: unknown): ChangeOutcome {
    if (!(reply instanceof ZooKeeperError)) return 'done'
    return isLost(reply) ? 'unsettled' : this.#failures.ofZnode(reply)
  }
}
