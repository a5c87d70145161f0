/** The sections that every command's help ends with. */
import { ExitCode, MEANINGS } from './exit-codes.ts'

/** What can be read. */
export const READ_FROM =
  'host:port[,host:port…]/path, archive:FILE#/path, datadir:DIR#/path, or export:FILE#/path'

/** `codes` besides those that every command can give: a bug, and the two interruptions. */
export function exitCodes(...codes: ExitCode[]): string {
  const all: ExitCode[] = [...codes, ExitCode.bug, ExitCode.sigint, ExitCode.sigterm]
  return `
EXIT CODES
${all.map((code) => `  ${String(code).padStart(3)}  ${MEANINGS[code]}`).join('\n')}
`
}

export function examples(...lines: string[]): string {
  return `
EXAMPLES
${lines.map((line) => `  ${line}`).join('\n')}
`
}
