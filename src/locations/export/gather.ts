/** Reads a tree into a staging, for a file to be written from it: whatever the order in which it comes. */

import { OPEN_ACL } from '../../tree/acl.ts'
import { sideDigest } from '../../tree/compare.ts'
import type { Side, ZnodeError } from '../../tree/contracts.ts'
import { DigestSum } from '../../tree/digest.ts'
import type { Directory } from '../../tree/directory.ts'
import type { JobContext } from '../../tree/events.ts'
import type { Advance, MarchHand, MarchPair } from '../../tree/march.ts'
import { isEphemeral } from '../../tree/pairs.ts'
import { absolutePath, parentPath } from '../../tree/path.ts'
import { newestZxid, nextSequence, type Znode } from '../../tree/znode.ts'
import type { StagedZnode, Staging } from '../stored/staging.ts'

export interface GatherSetup {
  /** Its root is `/`. */
  staging: Staging
  /** For what may turn out to lead to something. */
  aside: Staging
  acl: boolean
  /** What changed after this zxid has moved. */
  since: bigint
  context: JobContext
}

export class GatherHand implements MarchHand {
  readonly sum = new DigestSum()
  /** Absolute in the staging: directories that only lead to what the filter lets in. */
  readonly leads = new Set<string>()
  moved = 0
  readonly #setup: GatherSetup

  constructor(setup: GatherSetup) {
    this.#setup = setup
  }

  async pairs(pairs: MarchPair[]): Promise<void> {
    const { acl, aside, since, context } = this.#setup
    const { counts, emit } = context
    for (const pair of pairs) {
      const { path, source } = pair
      if (pair.sourceError !== null) this.#fail(path, pair.sourceError)
      if (source === null) continue
      if (!pair.counted) {
        aside.put(staged(path, source))
        continue
      }
      counts.read++
      counts.phaseDone++
      counts.bytesRead += source.data?.length ?? 0
      counts.phaseBytes += source.data?.length ?? 0
      if (newestZxid(source.stat) > since) this.moved++
      if (isEphemeral(source.stat)) {
        counts.skipped++
        emit({ type: 'skipped', path, reason: 'ephemeral' })
      } else if (acl && source.acl?.masked) {
        pair.descend = false
        this.#fail(path, maskedAcl)
      } else this.#put(pair, source)
    }
  }

  settled(advances: Advance[]): void {
    this.#setup.context.counts.directories += advances.filter((advance) => advance.done).length
  }

  unlisted(directory: Directory, _side: Side, error: ZnodeError): void {
    this.#fail(directory.path, error)
  }

  #put(pair: MarchPair, znode: Znode): void {
    this.sum.add(sideDigest(pair, 'source') as Buffer)
    this.#setup.staging.put(staged(pair.path, znode))
    this.#lead(pair.path)
  }

  /** What leads to it has to be in the file. */
  #lead(path: string): void {
    const { staging, aside } = this.#setup
    for (let above = parentPath(path); above !== null; above = parentPath(above)) {
      const place = absolutePath('/', above)
      if (staging.get(place) !== null) return
      const lead = aside.get(place)
      if (lead === null) return
      staging.put(lead)
      this.leads.add(place)
    }
  }

  #fail(path: string, { code, message }: { code: string; message: string }): void {
    const { counts, emit } = this.#setup.context
    counts.failed++
    emit({ type: 'failed', path, side: 'source', code, message })
  }
}

const maskedAcl = {
  code: 'MASKED',
  message:
    'the server shows this ACL masked (user:x), and nothing below it is exported; an identity with ADMIN on this znode, or a super user, would see it, and --no-acl leaves ACLs out',
}

function staged(path: string, { data, acl, mode = 'persistent', stat }: Znode): StagedZnode {
  const sequence = nextSequence(stat)
  return { path: absolutePath('/', path), data, acl: acl ?? OPEN_ACL, mode, stat, sequence }
}
