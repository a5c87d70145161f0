/** An output that keeps its lines. */
import type { Output } from '../../src/report/output.ts'

export class Lines implements Output {
  readonly lines: string[] = []
  flushed = 0
  readonly isTerminal: boolean

  constructor(isTerminal = false) {
    this.isTerminal = isTerminal
  }

  line(text: string): void {
    this.lines.push(text)
  }

  flush(): void {
    this.flushed = this.lines.length
  }

  get text(): string {
    return this.lines.join('\n')
  }
}
