/** Which transactions were read, and what they were: twelve bytes each. */
import { ADLER_START, adler32 } from './adler32.ts'
import type { Transaction } from './transaction.ts'

export class SeenTransactions {
  #zxids = new BigInt64Array(1024)
  #sums = new Uint32Array(1024)
  #count = 0

  /** Zxids come in ascending order. */
  add(txn: Transaction): void {
    if (this.#count === this.#zxids.length) {
      const zxids = new BigInt64Array(this.#count * 2)
      zxids.set(this.#zxids)
      this.#zxids = zxids
      const sums = new Uint32Array(this.#count * 2)
      sums.set(this.#sums)
      this.#sums = sums
    }
    this.#zxids[this.#count] = txn.zxid
    this.#sums[this.#count] = sumOf(txn)
    this.#count++
  }

  /** Whether this very one was there. */
  has(txn: Transaction): boolean {
    const { zxid } = txn
    let [low, high] = [0, this.#count]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#zxids[middle] as bigint) < zxid) low = middle + 1
      else high = middle
    }
    return low < this.#count && this.#zxids[low] === zxid && this.#sums[low] === sumOf(txn)
  }
}

function sumOf({ bytes }: Transaction): number {
  return adler32(ADLER_START, bytes, 0, bytes.length)
}
