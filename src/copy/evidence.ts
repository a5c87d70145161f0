/**
 * Rule 1's evidence: what somebody else has done on the target since a run of ours put it on record.
 *
 * A zxid newer than our last write shows what was made or set. A deletion shows in fewer children being there that are
 * as old as the record than it counts: the parent's pzxid alone moves with what others make in `/`, and with what a run
 * wrote that was broken off before it could say so. An ACL leaves no zxid; it shows in the hash on record.
 */
import type { DirectoryRow, JournalReader, RunInfo } from '../journal/index.ts'
import { compare, sideDigest } from '../tree/compare.ts'
import { DigestSum, znodeDigest } from '../tree/digest.ts'
import type { Directory } from '../tree/directory.ts'
import type { MarchPair } from '../tree/march.ts'
import { isEphemeral, sameAcls } from '../tree/pairs.ts'
import type { Stat } from '../tree/znode.ts'
import { dataDigest } from './intents.ts'
import { isNewerThan, type Looks, type Newer } from './looks.ts'

const MOST_NAMED = 20

export interface EvidenceRules {
  journal: JournalReader
  looks: Looks
  /** A second copy that was broken off, and others that were given up before it: a part of what is there is theirs. */
  own: { run: RunInfo; broken: readonly RunInfo[]; newer: Newer } | null
  /** What is on both sides is left as it is (`--keep-existing`). */
  allowChanged: boolean
}

/** What was seen of a directory. */
interface Trace {
  /** What the run that was broken off has on record of it, where it was done with it. */
  own: DirectoryRow | null
  /** What came after it was put on record. */
  newer: Newer
  pzxid: bigint | null
  /** Children as old as that. */
  old: number
  /** What the target's sum lacks to have the source's ACLs; `null` where none differs. */
  acls: DigestSum | null
  extras: DigestSum
  named: boolean
}

export class Evidence {
  /** Some of the paths that somebody else has changed, and how many there are. */
  readonly paths: string[] = []
  count = 0
  readonly #rules: EvidenceRules
  readonly #traces = new WeakMap<Directory, Trace>()

  constructor(rules: EvidenceRules) {
    this.#rules = rules
  }

  /** `compared`: not a mere way to what the filter lets in, nor the target's own `/`. */
  look(pair: MarchPair, compared: boolean): void {
    const { target, below, directory } = pair
    if (target === null || isEphemeral(target.stat)) return
    const named = compared && this.#isChanged(pair, target.stat)
    if (named) this.#name(pair.path)
    if (below !== null) Object.assign(this.#trace(below), { pzxid: target.stat.pzxid, named })
    if (compared && directory !== null) this.#lookFromAbove(pair, target.stat, this.#trace(directory))
  }

  /** All its children were looked at. */
  settle(directory: Directory): void {
    const trace = this.#trace(directory)
    if (trace.named) return
    // What our own run was done with is exact, whatever it wrote elsewhere since.
    const moved = trace.own !== null || trace.pzxid === null || trace.newer(trace.pzxid)
    if (!moved && trace.acls === null) return
    // A run of ours that came later, and saw a part of it, may have deleted there.
    const alone = trace.own !== null || this.#rules.looks.sawLast(directory.path)
    const row = moved && alone ? this.#recordOf(directory, trace) : null
    if ((row !== null && trace.old < row.children) || this.#hasOtherAcls(directory, trace))
      this.#name(directory.path)
  }

  #isChanged(pair: MarchPair, { czxid, mzxid, pzxid }: Stat): boolean {
    const { looks, own, journal } = this.#rules
    const { path, target } = pair
    if (path === '' && this.#isOtherRoot(pair)) return true
    // What it wrote after its last write on record is as on the source, or as it meant to write it.
    if (own !== null) {
      if (!(own.newer(czxid) || own.newer(mzxid)) || compare(pair).is !== 'different') return false
      const there = dataDigest(path, target?.data ?? null)
      return !own.broken.some(({ id }) => journal.intended(path, there, id))
    }
    const [newer, newerBelow] = [looks.newerThan(path), looks.newerBelow(path)]
    // What no finished run has looked at is nobody's to protect: --merge was asked for.
    return newer?.(czxid) || newer?.(mzxid) || newerBelow?.(pzxid) || false
  }

  /** No directory's hash holds the root itself. */
  #isOtherRoot(pair: MarchPair): boolean {
    const { looks, own, allowChanged } = this.#rules
    const { latest } = looks
    // It may have been written, or not: nothing is on record of it.
    const givenUp = own?.run.state === 'abandoned'
    if (own !== null && !givenUp && this.#rules.journal.directory(own.run.id, '') === null) return false
    const finished = latest !== null && looks.hashesAlike(latest) ? latest : looks.hashed
    const run = own === null || givenUp ? finished : own.run
    const then = run?.rootDigest
    if (!then || allowChanged || !looks.hashesAlike(run)) return false
    // Where the root may have been written since, only one that the source still has is certain.
    if ((run !== latest || givenUp) && sideDigest(pair, 'source')?.equals(then) !== true) return false
    return sideDigest(pair, 'target')?.equals(then) === false
  }

  #lookFromAbove({ path, source, target }: MarchPair, { czxid }: Stat, trace: Trace): void {
    if (target === null) return
    if (!trace.newer(czxid)) trace.old++
    if (source === null) trace.extras.add(znodeDigest(path, target.data, target.acl))
    else if (!isEphemeral(source.stat) && !sameAcls(source, target)) {
      trace.acls ??= new DigestSum()
      trace.acls.subtract(znodeDigest(path, target.data, target.acl))
      trace.acls.add(znodeDigest(path, target.data, source.acl))
    }
  }

  /**
   * Where only finished runs wrote, any other hash is somebody's doing. Where a part of the record may be older than
   * what we wrote, it is only certain when it is the record's, but for ACLs that the source still has.
   */
  #hasOtherAcls(directory: Directory, trace: Trace): boolean {
    const { looks, allowChanged } = this.#rules
    const { acls, extras } = trace
    if (acls === null || allowChanged) return false
    const { path, targetSum } = directory
    const row = this.#recordOf(directory, trace, looks.hashed)
    if (row === null) return false
    const certain = this.#rules.own === null && looks.hashed === looks.previous && looks.sawLast(path)
    // Earlier copies have what --merge left there on record, or have not.
    const sums = [targetSum.bytes(), DigestSum.from(targetSum.bytes()).subtract(extras.bytes()).bytes()]
    const same = (sum: Buffer) => sum.equals(row.childHash)
    if (sums.some(same)) return false
    return certain || sums.map((sum) => DigestSum.from(sum).addSum(acls).bytes()).some(same)
  }

  #recordOf(
    directory: Directory,
    { own }: Trace,
    run: RunInfo | null = this.#rules.looks.previous,
  ): DirectoryRow | null {
    if (own !== null) return own
    const { looks, journal } = this.#rules
    if (run === null || !looks.seesAlike(run, directory.holdsExcluded)) return null
    const row = journal.directory(run.id, directory.path)
    // What a copy did not come to the end of is on record in part.
    return row === null || row.state === 'partial' || row.children === 0 ? null : row
  }

  #trace(directory: Directory): Trace {
    const known = this.#traces.get(directory)
    if (known !== undefined) return known
    const { looks, own, journal } = this.#rules
    const row = own === null ? null : journal.directory(own.run.id, directory.path)
    const done = row?.state === 'done' ? row : null
    const trace: Trace = {
      own: done,
      newer:
        own !== null && done !== null ? own.newer : looks.previous ? isNewerThan(looks.previous) : () => true,
      pzxid: null,
      old: 0,
      acls: null,
      extras: new DigestSum(),
      named: false,
    }
    this.#traces.set(directory, trace)
    return trace
  }

  #name(path: string): void {
    this.count++
    if (this.paths.length < MOST_NAMED) this.paths.push(path)
  }
}
