/** `--quota`: the limits of the subtree's znodes, after everything else, so that none of them stops the copy itself. */
import type { Run, RunInfo } from '../journal/index.ts'
import { OPEN_ACL, sameAcl } from '../tree/acl.ts'
import { type Side, type TreeSource, type TreeTarget, ZnodeError } from '../tree/contracts.ts'
import { UsageProblem } from '../tree/errors.ts'
import type { JobContext } from '../tree/events.ts'
import type { Filter } from '../tree/filter.ts'
import { byPath } from '../tree/path.ts'
import { plural } from '../tree/plural.ts'
import { isLimits, type Quota } from '../tree/quota.ts'
import { isNewerThan } from './looks.ts'
import type { CopyOptions } from './options.ts'

export interface QuotaRules {
  options: CopyOptions
  filter: Filter
  /** The run before: what is newer on the target, someone else has set. `null`: there was none that wrote. */
  before: RunInfo | null
}

export class Quotas {
  readonly #source: TreeSource
  readonly #target: TreeTarget
  readonly #run: Run | null
  readonly #rules: QuotaRules
  readonly #context: JobContext

  /** Without a run (a dry run) nothing is written. */
  constructor(
    source: TreeSource,
    target: TreeTarget,
    run: Run | null,
    rules: QuotaRules,
    context: JobContext,
  ) {
    this.#source = source
    this.#target = target
    this.#run = run
    this.#rules = rules
    this.#context = context
  }

  /** False when the signal came before all of them were looked at. */
  async copy(): Promise<boolean> {
    let set = 0
    const { quotas } = this.#source
    if (quotas === undefined)
      throw new UsageProblem(
        `The source ${this.#source.name} has no quotas beside its tree; leave --quota out.`,
      )
    const found = (await quotas.list()).sort((a, b) => byPath(a.path, b.path))
    for (const one of found) {
      if (this.#context.signal.aborted) return false
      if (!this.#rules.filter.holds(one.path)) continue
      if ('error' in one) this.#fail(one.path, 'source', one.error)
      else if (await this.#one(one)) set++
    }
    if (set > 0 && this.#run !== null)
      this.#note(
        `${plural(set, 'quota was', 'quotas were')} set on the target; the servers there have counted what they apply to.`,
      )
    return true
  }

  /** True when it was set. */
  async #one({ path, limits, acl: theirs }: Quota): Promise<boolean> {
    const acl = this.#rules.options.acl ? theirs : OPEN_ACL
    if (!isLimits(limits)) return this.#fail(path, 'source', UNREADABLE)
    if (acl.masked) return this.#fail(path, 'source', MASKED)
    const [znode] = await this.#target.settled.stat([path])
    if (znode === undefined || (znode instanceof ZnodeError && znode.gone)) {
      // A dry run has not made it yet.
      if (this.#run === null) this.#announce(path, limits)
      else
        this.#note(`The quota of ${path || 'the root'} was left out: there is no such znode on the target.`)
      return false
    }
    const there = await this.#target.quotas.read(path)
    if (there instanceof ZnodeError) return this.#fail(path, 'target', there)
    if (there !== null) {
      const same = there.limits !== null && limits.equals(there.limits)
      const sameAccess = !this.#rules.options.acl || sameAcl(acl, there.acl)
      if (same && sameAccess && there.tallied) return false
      const refusal = this.#refusal(there)
      if (refusal === 'keep') return false
      if (refusal !== null) return this.#fail(path, 'target', refusal)
    }
    if (this.#run === null) {
      this.#announce(path, limits)
      return false
    }
    const access = there !== null && !this.#rules.options.acl ? there.acl : acl
    const error = await this.#target.quotas.set({ path, limits, acl: access })
    return error === null ? true : this.#fail(path, 'target', error)
  }

  /** Someone else's limits are not replaced without being asked to. */
  #refusal(there: Quota): ZnodeError | 'keep' | null {
    const { options, before } = this.#rules
    // It was there before, or somebody has set it since.
    const newer = before?.lastWrite ? isNewerThan(before) : null
    if (options.keepExisting) return 'keep'
    if (options.overwriteNewer) return null
    if (newer === null ? options.merge : !newer(there.mzxid)) return null
    const how = newer === null ? '--merge' : '--overwrite-newer'
    return new ZnodeError(
      'QUOTAEXISTS',
      `it has another quota on the target (${there.limits?.toString('latin1') ?? 'null'}), which no run of this journal set; ${how} would replace it`,
    )
  }

  #announce(path: string, limits: Buffer): void {
    this.#note(`The quota of ${path || 'the root'} would be set: ${limits.toString('latin1')}.`)
  }

  #note(message: string): void {
    this.#context.emit({ type: 'note', message })
  }

  #fail(path: string, side: Side, error: ZnodeError): false {
    const message = `its quota could not be copied: ${error.message}`
    this.#context.counts.failed++
    this.#context.emit({ type: 'failed', path, side, code: error.code, message })
    this.#run?.record({ issues: [{ kind: 'failed', path, side, code: error.code, reason: message }] })
    return false
  }
}

const UNREADABLE = new ZnodeError(
  'BADQUOTA',
  'its limits are not of the form "count=1000,bytes=-1", and a server may fail on reading them',
)
const MASKED = new ZnodeError(
  'MASKED',
  'the server shows the ACL of its limits masked (user:x); an identity with ADMIN on them, or a super user, would see it',
)
