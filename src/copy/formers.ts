/**
 * What a copy overwrites, as it is kept for an undo: data and ACL. A copy that leaves ACLs out has not read them, so
 * they are read for what is about to be overwritten.
 */
import { type Former, type TreeTarget, ZnodeError } from '../tree/contracts.ts'
import { isEphemeral, type Pair, sameData } from '../tree/pairs.ts'

export interface FormerRules {
  /** False when nothing is kept. */
  keeps: boolean
  keepExisting: boolean
}

export class Formers {
  readonly #target: TreeTarget
  readonly #rules: FormerRules
  readonly #read = new WeakMap<Pair, Former | ZnodeError>()

  constructor(target: TreeTarget, rules: FormerRules) {
    this.#target = target
    this.#rules = rules
  }

  /** Null when nothing has to be read for these; always, but for copies without ACLs. */
  prepare(pairs: readonly Pair[]): Promise<void> | null {
    if (!this.#rules.keeps || this.#rules.keepExisting) return null
    const open = pairs.filter(isOverwrittenUnread)
    return open.length === 0 ? null : this.#readAcls(open)
  }

  /** What is kept of the target's znode; the reason when that cannot be. */
  of(pair: Pair): Former | 'kept' | ZnodeError {
    const { target } = pair
    if (!this.#rules.keeps || target === null) return 'kept'
    const { stat, acl, data } = target
    if (acl !== null) return { stat, acl, data }
    return this.#read.get(pair) ?? new ZnodeError('UNDO', 'its ACL was not read, so it cannot be kept')
  }

  async #readAcls(pairs: readonly Pair[]): Promise<void> {
    const replies = await this.#target.settled.stat(pairs.map((pair) => pair.path))
    for (const [at, pair] of pairs.entries()) {
      const reply = replies[at]
      if (reply === undefined || pair.target === null) continue
      if (!(reply instanceof ZnodeError)) {
        const { stat, data } = pair.target
        this.#read.set(pair, { stat, acl: reply.acl, data })
      } else if (reply.gone) pair.target = null
      else {
        const why = `its ACL cannot be read, so it could not be brought back: ${reply.message}; --no-undo overwrites it all the same`
        this.#read.set(pair, new ZnodeError(reply.code, why))
      }
    }
  }
}

function isOverwrittenUnread({ source, target }: Pair): boolean {
  if (source === null || target === null || target.acl !== null) return false
  return !isEphemeral(source.stat) && !isEphemeral(target.stat) && !sameData(source, target)
}
