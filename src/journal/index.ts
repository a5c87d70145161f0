/** The journal: a SQLite file that remembers runs, so that they resume and can be proved later. */
export { openJournal } from './journal.ts'
export { PathSpool, type SpooledPath } from './path-spool.ts'
export { defaultJournalFile, journalFiles, stateDirectory, undoFileBeside, undoFileIn } from './place.ts'
export { readJournal } from './reader.ts'
export { Run } from './run.ts'
export { canonicalOptions, differenceOfJobs } from './same-job.ts'
export type * from './types.ts'
