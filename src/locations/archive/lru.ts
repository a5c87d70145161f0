/** Keeps what was used last, up to a sum of sizes. */
export class Lru<T> {
  readonly #most: number
  readonly #kept = new Map<string, { value: T; size: number }>()
  #size = 0

  constructor(most: number) {
    this.#most = most
  }

  get(key: string): T | undefined {
    const entry = this.#kept.get(key)
    if (entry === undefined) return undefined
    // A Map goes through its keys in the order in which they came.
    this.#kept.delete(key)
    this.#kept.set(key, entry)
    return entry.value
  }

  /** What is larger than all that may be kept is not kept. */
  set(key: string, value: T, size: number): void {
    if (size > this.#most) return
    this.#kept.set(key, { value, size })
    this.#size += size
    for (const [oldest, entry] of this.#kept) {
      if (this.#size <= this.#most) return
      this.#kept.delete(oldest)
      this.#size -= entry.size
    }
  }
}
