/**
 * Directories whose ACL would lock the tool out before their children are in.
 *
 * Until everything below them is written and proved, they carry one more entry, for an identity that exists only for
 * this run: nothing is opened to anyone else, not for an instant. Then each gets its final ACL. The identity and the
 * znodes that carry it are in the journal, on disk, before the target sees them.
 */
import { randomBytes } from 'node:crypto'
import type { Run } from '../journal/index.ts'
import { type AclList, aclList, Perms, storeAcl } from '../tree/acl.ts'
import { type TemporaryIdentity, type TreeTarget, ZnodeError } from '../tree/contracts.ts'
import type { CounterRules } from '../tree/counter-rules.ts'
import type { MarchPair } from '../tree/march.ts'
import { isEphemeral, type Pair, sameAcls, sameData } from '../tree/pairs.ts'
import { childPath } from '../tree/path.ts'
import { nextSequence } from '../tree/znode.ts'

/** When the probe itself could not be carried out, because the parent is missing, say. */
const NOT_READY = new ZnodeError(
  'LOCKEDOUT',
  'its ACL would lock the tool out, and no temporary identity could be tried in its place',
)

export interface AccessNeeds {
  rules: CounterRules
  verify: boolean
  /** What is only on the target is deleted. */
  deletes: boolean
  /** What is on the target keeps the ACL that it has. */
  keeps: (pair: Pair) => boolean
}

export class TemporaryAccess {
  readonly #target: TreeTarget
  readonly #run: Run | null
  readonly #needs: AccessNeeds
  readonly #withEntry = new WeakMap<AclList, AclList>()
  #identity: TemporaryIdentity | null = null
  /** Why there can be none. */
  #impossible: ZnodeError | null = null
  #making: Promise<void> | null = null

  constructor(target: TreeTarget, run: Run | null, needs: AccessNeeds) {
    this.#target = target
    this.#run = run
    this.#needs = needs
  }

  /** A resumed run is who it was. */
  async resume(): Promise<void> {
    const identity = this.#run?.temporaryIdentity() ?? null
    if (identity !== null) await this.#assume(identity)
  }

  /** Null when nothing has to be made ready for these; almost always. */
  prepare(pairs: readonly Pair[]): Promise<void> | null {
    const locked = pairs.filter((pair) => this.#locksOut(pair))
    return locked.length === 0 ? null : this.#prepare(locked)
  }

  /** The ACL to write now: the source's, or with the temporary entry where it would lock the tool out. */
  aclFor(pair: Pair): AclList | ZnodeError {
    const acl = pair.source?.acl as AclList
    if (!this.#locksOut(pair)) return acl
    if (this.#identity === null) return this.#impossible ?? NOT_READY
    return this.#entryAdded(acl, this.#identity)
  }

  #locksOut(pair: Pair): boolean {
    const { source } = pair
    if (source === null || source.acl === null || source.acl.masked || isEphemeral(source.stat)) return false
    // What is there with this ACL stays as it is; a resumed run's own entries are on record already.
    if (pair.target !== null && (this.#needs.keeps(pair) || sameAcls(source, pair.target))) return false
    // Someone's ephemeral in its place is never set.
    if (pair.target !== null && isEphemeral(pair.target.stat)) return false
    const granted = this.#target.permissionsUnder(source.acl)
    return granted !== Perms.all && (this.#needed(pair) & ~granted) !== 0
  }

  #needed(pair: Pair): number {
    const { path, source } = pair
    if (source === null) return 0
    // What only leads to what is copied is passed through, and neither compared nor counted.
    if ((pair as Partial<MarchPair>).counted === false) return Perms.create | Perms.read
    const { stat, acl } = source
    const { rules, verify, deletes } = this.#needs
    let perms = 0
    // The ACL goes first: it must let the tool set the data after it, and delete what is only on the target.
    if (pair.target !== null && !sameData(source, pair.target)) perms |= Perms.write
    if (deletes && (pair.target?.stat.numChildren ?? 0) > 0) perms |= Perms.delete | Perms.read
    if (stat.numChildren > 0) perms |= Perms.create | Perms.read
    if (rules.keepsSequence && nextSequence(stat) > stat.numChildren) perms |= Perms.create | Perms.delete
    if (rules.keepsVersion(path, source) && stat.version > 0) perms |= Perms.write
    if (verify) {
      perms |= Perms.read
      // Digest ids are shown unmasked to those with ADMIN only.
      if (acl?.entries.some((entry) => entry.scheme === 'digest')) perms |= Perms.admin
    }
    return perms
  }

  async #prepare(locked: readonly Pair[]): Promise<void> {
    if (this.#identity === null && this.#impossible === null) {
      this.#making ??= this.#make(locked[0] as Pair).finally(() => {
        this.#making = null
      })
      await this.#making
    }
    if (this.#identity === null) return
    this.#run?.addTemporaryAcls(
      locked.map((pair) => ({ path: pair.path, finalAcl: storeAcl(pair.source?.acl as AclList) })),
    )
  }

  async #make(pair: Pair): Promise<void> {
    const probed = pair.target === null ? pair.path : childPath(pair.path, 'zkferry-probe')
    const { temporary } = this.#target
    const algorithms = (await temporary.accepted()) ? temporary.algorithms : []
    for (const algorithm of algorithms) {
      const user = `zkferry-${randomBytes(6).toString('hex')}`
      const identity = { user, password: randomBytes(24).toString('base64url'), algorithm }
      // On disk before the server hears of it.
      this.#run?.setIdentitySecret(Buffer.from(JSON.stringify(identity)))
      await temporary.assume(identity)
      const entry = temporary.entryOf(identity)
      const answer = await temporary.probe(probed, aclList([entry]))
      if (answer === 'works') {
        this.#identity = identity
        return
      }
      this.#run?.wipeIdentitySecret()
      if (answer === 'other-digest') continue
      if (answer === 'no-digest') break
      // Says nothing about identities: these fail with what they are told, and the next are asked again.
      return
    }
    this.#impossible = new ZnodeError(
      'LOCKEDOUT',
      'its ACL would lock the tool out before its children are in, and the target does not take a temporary digest identity (its digest provider is off, or hashes in an unknown way); give the tool an identity on the target that this ACL grants CREATE, READ and ADMIN',
    )
  }

  async #assume(identity: TemporaryIdentity): Promise<void> {
    await this.#target.temporary.assume(identity)
    this.#identity = identity
  }

  #entryAdded(acl: AclList, identity: TemporaryIdentity): AclList {
    const known = this.#withEntry.get(acl)
    if (known !== undefined) return known
    const list = aclList([...acl.entries, this.#target.temporary.entryOf(identity)])
    this.#withEntry.set(acl, list)
    return list
  }
}
