/** `--expect-quiet`: whether anything in the source changes, told by a sum over every znode's Stat and ACL. */

import type { Side, TreeSource, ZnodeError } from '../tree/contracts.ts'
import { DigestSum, znodeDigest } from '../tree/digest.ts'
import type { Directory } from '../tree/directory.ts'
import type { MarchHand, MarchOptions, MarchPair } from '../tree/march.ts'
import { march } from '../tree/march.ts'

/** Changes whenever a znode is made, removed, set, or given another ACL; reads no data. */
export async function fingerprint(source: TreeSource, options: MarchOptions): Promise<string> {
  const hand = new FingerprintHand()
  await source.position()
  await march(source, source, hand, { ...options, acl: true, data: false }, { from: 'root', target: false })
  return hand.sum.hex()
}

class FingerprintHand implements MarchHand {
  readonly sum = new DigestSum()

  async pairs(pairs: MarchPair[]): Promise<void> {
    for (const { path, source } of pairs) {
      if (source === null) continue
      const { czxid, mzxid, pzxid, aversion } = source.stat
      this.sum.add(znodeDigest(path, Buffer.from(`${czxid} ${mzxid} ${pzxid} ${aversion}`), source.acl))
    }
  }

  unlisted(directory: Directory, _side: Side, error: ZnodeError): void {
    this.sum.add(znodeDigest(directory.path, Buffer.from(error.code), null))
  }
}
