/** A set of zxids, kept as ranges: the transactions of one writer mostly follow one another. */
export class ZxidRanges {
  /** In order, each with its first and last. */
  readonly #ranges: [first: bigint, last: bigint][] = []

  static of(ranges: Iterable<readonly [bigint, bigint]>): ZxidRanges {
    const set = new ZxidRanges()
    for (const [first, last] of ranges) set.#ranges.push([first, last])
    return set
  }

  /** Zxids come in order, as the replies of one session do; one that does not is added all the same. */
  add(zxid: bigint): void {
    const last = this.#ranges.at(-1)
    if (last !== undefined && zxid >= last[0] && zxid <= last[1] + 1n) {
      if (zxid > last[1]) last[1] = zxid
    } else if (last === undefined || zxid > last[1]) this.#ranges.push([zxid, zxid])
    else if (!this.has(zxid)) {
      this.#ranges.push([zxid, zxid])
      this.#ranges.sort(([a], [b]) => (a < b ? -1 : 1))
    }
  }

  has(zxid: bigint): boolean {
    let [from, to] = [0, this.#ranges.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#ranges[middle] as [bigint, bigint])[1] < zxid) from = middle + 1
      else to = middle
    }
    const range = this.#ranges[from]
    return range !== undefined && range[0] <= zxid
  }

  [Symbol.iterator](): Iterator<readonly [bigint, bigint]> {
    return this.#ranges[Symbol.iterator]()
  }
}
