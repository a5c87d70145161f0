/** A journal that is given with another option than `--journal`: what the journal advises has to name that one. */
import { JournalProblem } from '../tree/errors.ts'

/** Runs `read`. @throws JournalProblem, with the option that the command has */
export function named<T>(option: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof JournalProblem)) throw error
    throw new JournalProblem(error.message.replaceAll('--journal', option), { cause: error })
  }
}
