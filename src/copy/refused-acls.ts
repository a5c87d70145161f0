/** What a dry run knows of the ACLs that it would write: which of them the target would refuse, and why. */
import { type AclEntry, type AclList, aclList } from '../tree/acl.ts'
import { type TreeTarget, ZnodeError } from '../tree/contracts.ts'
import type { Emit } from '../tree/events.ts'
import { isEphemeral, type Pair, sameAcls } from '../tree/pairs.ts'
import { plural } from '../tree/plural.ts'

export class RefusedAcls {
  readonly #target: TreeTarget
  /** By what they say: a tree has few distinct ACLs. Null: taken. */
  readonly #answers = new Map<string, ZnodeError | null>()
  readonly #identities = new Map<string, boolean>()
  readonly #znodes = new Map<ZnodeError, number>()

  constructor(target: TreeTarget) {
    this.#target = target
  }

  /** Null when nothing has to be asked for these; almost always. */
  prepare(pairs: readonly Pair[]): Promise<void> | null {
    const open = new Map<string, AclList>()
    for (const pair of pairs) {
      const acl = aclToWrite(pair)
      if (acl === null) continue
      const key = keyOf(acl)
      if (!this.#answers.has(key)) open.set(key, acl)
    }
    return open.size === 0 ? null : this.#ask(open)
  }

  /** Why the target would refuse this znode; null when it would not. */
  of(pair: Pair): ZnodeError | null {
    const acl = aclToWrite(pair)
    const refusal = acl === null ? null : (this.#answers.get(keyOf(acl)) ?? null)
    if (refusal !== null) this.#znodes.set(refusal, (this.#znodes.get(refusal) ?? 0) + 1)
    return refusal
  }

  /** One line for each ACL that would be refused. */
  report(emit: Emit): void {
    for (const [{ message }, znodes] of this.#znodes)
      emit({ type: 'note', message: `${plural(znodes, 'znode')}: ${message}` })
  }

  async #ask(open: ReadonlyMap<string, AclList>): Promise<void> {
    for (const [key, acl] of open) {
      const taken = await this.#target.takesAcl(acl)
      this.#answers.set(key, taken ? null : await this.#refusal(acl))
    }
  }

  /** Names the identities, each asked for alone. */
  async #refusal(acl: AclList): Promise<ZnodeError> {
    const refused: string[] = []
    for (const entry of acl.entries) if (!(await this.#takes(entry))) refused.push(nameOf(entry))
    const named = [...new Set(refused.length > 0 ? refused : acl.entries.map(nameOf))]
    return new ZnodeError(
      'INVALIDACL',
      `the target would refuse ${named.join(', ')} in its ACL; --acl-map can map ${named.length === 1 ? 'it to an identity that is' : 'them to identities that are'} known there`,
    )
  }

  async #takes(entry: AclEntry): Promise<boolean> {
    const key = keyOf(aclList([{ ...entry, perms: 1 }]))
    const known = this.#identities.get(key)
    if (known !== undefined) return known
    const taken = await this.#target.takesAcl(aclList([{ ...entry, perms: 1 }]))
    this.#identities.set(key, taken)
    return taken
  }
}

function aclToWrite({ source, target }: Pair): AclList | null {
  if (source === null || source.acl === null || source.acl.masked || isEphemeral(source.stat)) return null
  return target !== null && sameAcls(source, target) ? null : source.acl
}

function keyOf(acl: AclList): string {
  return acl.canonical.toString('latin1')
}

function nameOf({ scheme, id }: AclEntry): string {
  return `${scheme}:${id.toString()}`
}
