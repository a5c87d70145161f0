/** The N largest of many, in memory for N. */

export class Top<T> {
  readonly #most: number
  readonly #kept: { size: number; item: T }[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** What an item has to exceed to be kept. */
  get bar(): number {
    return this.#kept.length < this.#most ? -1 : (this.#kept.at(-1)?.size ?? Number.POSITIVE_INFINITY)
  }

  offer(size: number, item: T): void {
    if (size <= this.bar) return
    let at = this.#kept.length
    while (at > 0 && (this.#kept[at - 1] as { size: number }).size < size) at--
    this.#kept.splice(at, 0, { size, item })
    if (this.#kept.length > this.#most) this.#kept.pop()
  }

  /** The largest first; of equals, those that came first. */
  items(): T[] {
    return this.#kept.map(({ item }) => item)
  }
}
