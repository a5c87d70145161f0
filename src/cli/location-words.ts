/** What only the command line can add to a sentence about one of its locations, by the location's name. */
import { MissingRoot, UsageProblem } from '../tree/errors.ts'

export class LocationWords {
  readonly #rename = new Map<string, (sentence: string) => string>()
  readonly #instead = new Map<string, () => Promise<string>>()

  /** `rename` puts the command's own names of options into a sentence about the location. */
  names(place: string, rename: (sentence: string) => string): void {
    this.#rename.set(place, rename)
  }

  /** `tell` gives the end of the sentence that says that the location's root does not exist. */
  onMissingRoot(place: string, tell: () => Promise<string>): void {
    this.#instead.set(place, tell)
  }

  renamed(sentence: string): string {
    const about = [...this.#rename].find(([place]) => sentence.includes(place))
    return about === undefined ? sentence : about[1](sentence)
  }

  async explained(error: unknown): Promise<unknown> {
    if (!(error instanceof MissingRoot)) return error
    const more = (await this.#instead.get(error.place)?.()) ?? ''
    return new UsageProblem(`${error.message.replace(/\.$/, '')}${more}.`, { cause: error })
  }
}
