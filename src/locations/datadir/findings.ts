/** What is found out about a data directory while it is read: what a DBA should know, and what is lost. */
import type { Side } from '../../tree/contracts.ts'
import { LocationProblem } from '../../tree/errors.ts'

export class Findings {
  /** What could not be read, a sentence each. Empty unless what is left was asked for. */
  readonly losses: string[] = []
  readonly #side: Side
  readonly #salvage: boolean
  readonly #told = new Set<string>()
  readonly #tell: (message: string) => void

  constructor(side: Side, salvage: boolean, tell: (message: string) => void) {
    this.#side = side
    this.#salvage = salvage
    this.#tell = tell
  }

  get salvages(): boolean {
    return this.#salvage
  }

  /** Nothing is wrong with it. */
  note(sentence: string): void {
    if (this.#told.has(sentence)) return
    this.#told.add(sentence)
    this.#tell(sentence)
  }

  /** Something cannot be read. @throws LocationProblem unless what is left was asked for */
  lose(sentence: string, cause?: unknown): void {
    if (!this.#salvage) throw this.problem(`${sentence} With --salvage what can be read is taken.`, cause)
    if (!this.losses.includes(sentence)) this.losses.push(sentence)
  }

  problem(sentence: string, cause?: unknown): LocationProblem {
    return new LocationProblem(this.#side, sentence, { cause })
  }
}
