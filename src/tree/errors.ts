/**
 * Problems that end a job. Each carries one sentence for a person;
 * which exit code belongs to which is decided in one place, `src/cli/exit-codes.ts`.
 */
import type { Side } from './contracts.ts'

/** The command line, a file or a value it names is wrong, or the source root does not exist. */
export class UsageProblem extends Error {
  override name = 'UsageProblem'
}

/** The root that a job is about is not there. */
export class MissingRoot extends UsageProblem {
  /** The location's name. */
  readonly place: string
  /** `what`: such as `The source root`. */
  constructor(what: string, place: string) {
    super(`${what} ${place} does not exist.`)
    this.place = place
  }
}

/** A safety rule or a limit says no. */
export class SafetyRefusal extends Error {
  override name = 'SafetyRefusal'
}

/** Somebody else works on the same tree with this tool. What was done so far stays as it is, and can be gone on with. */
export class OccupiedRefusal extends SafetyRefusal {
  override name = 'OccupiedRefusal'
}

/** A location cannot be reached, or lets the tool in to nothing. */
export class LocationProblem extends Error {
  override name = 'LocationProblem'
  readonly side: Side
  constructor(side: Side, message: string, options?: ErrorOptions) {
    super(message, options)
    this.side = side
  }
}

/** The journal is locked, damaged, full, of a newer version, or belongs to another job. */
export class JournalProblem extends Error {
  override name = 'JournalProblem'
}

/** The user asked to stop (SIGINT, SIGTERM). What was done is in the journal. */
export class Interrupted extends Error {
  override name = 'Interrupted'
}
