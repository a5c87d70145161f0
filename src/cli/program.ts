/** The program: which commands there are, and what is said when the command line makes no sense. */
import { Command, CommanderError } from 'commander'
import { escapeJson, escapeText } from '../report/escape.ts'
import { summarise } from '../report/summary.ts'
import { UsageProblem } from '../tree/errors.ts'
import { newCounts } from '../tree/events.ts'
import { ExitCode, outcomeOfError } from './exit-codes.ts'
import type { Io } from './io.ts'
import { bug } from './sentence.ts'
import { suggestion } from './suggest.ts'
import { version } from './version.ts'

interface CommandModule {
  register(command: Command, io: Io): void
  /** Puts arguments that another tool would take into the form that ours takes. */
  prepare?(args: string[]): string[]
}

interface Entry {
  summary: string
  /** Only the command that is called is loaded; the others are a line of the help. */
  load(): Promise<CommandModule>
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  copy: { summary: 'copy a subtree to another ensemble, then verify it', load: () => import('./copy.ts') },
  verify: {
    summary: 'compare two subtrees, or a target with the journal of its copy',
    load: () => import('./verify.ts'),
  },
  digest: {
    summary: 'one hash for a subtree, to compare sites that cannot reach each other',
    load: () => import('./digest.ts'),
  },
  rmr: { summary: 'remove a subtree, children first', load: () => import('./rmr.ts') },
  inspect: {
    summary: "tell what lies in a server's data directory, and who changed what",
    load: () => import('./inspect.ts'),
  },
  archive: {
    summary: 'list, check or prune the generations in an archive file',
    load: () => import('./archive.ts'),
  },
  export: {
    summary: 'write a subtree into a file that people and Git can read',
    load: () => import('./export.ts'),
  },
  import: {
    summary: 'copy what export (or zoocreeper, or zk_shell) has written to an ensemble or into a file',
    load: () => import('./import.ts'),
  },
  runs: { summary: 'list the runs in journals, or show one', load: () => import('./runs.ts') },
  zkcopy: {
    summary: "take ksprojects/zkcopy's options and mean what they mean there",
    load: () => import('./zkcopy.ts'),
  },
}

/** Runs a command line to its end. Never throws. */
export async function run(args: string[], io: Io): Promise<void> {
  // `zkferry copy …` and `zkferry help copy`; options come after the command.
  const called = args.slice(0, 2).filter((word) => Object.hasOwn(COMMANDS, word))[0] ?? null
  const program = newProgram(io)
  let command: Command | null = null
  try {
    let words = args
    for (const [name, entry] of Object.entries(COMMANDS)) {
      const stub = program.command(name).summary(entry.summary)
      if (name !== called) continue
      command = stub
      const module = await entry.load()
      module.register(command, io)
      words = module.prepare?.(args) ?? args
    }
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return io.done(ExitCode.done)
    end(args, called, error instanceof CommanderError ? asUsageProblem(error, command) : error, io)
  }
}

function newProgram(io: Io): Command {
  return new Command('zkferry')
    .description('Moves ZooKeeper subtrees between ensembles, proves the copy, and cleans up the old one.')
    .version(version(), '-V, --version', 'print the version')
    .hook('preAction', (_program, command) => refuseEmptyValues(command))
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.line(text.trimEnd()),
      writeErr: (text) => io.stderr.line(text.trimEnd()),
      outputError() {},
    })
    .addHelpText(
      'after',
      '\nEach command has its own help, with examples and exit codes: zkferry copy --help',
    )
}

/** Mostly a variable of a script that is not set: what it should have named is not for us to guess. */
function refuseEmptyValues(command: Command): void {
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName())
    if (value !== '' && !(Array.isArray(value) && value.includes(''))) continue
    throw new UsageProblem(`${option.long} has an empty value; name one, or leave it out.`)
  }
}

/** What the user is told, and the last line of `--json`, when no job has begun. */
function end(args: string[], called: string | null, error: unknown, io: Io): void {
  const { status, exitCode } = outcomeOfError(error, { signal: null, singleLocation: false, begun: false })
  const { line, stack } =
    error instanceof UsageProblem
      ? { line: error.message, stack: [] }
      : bug(error, args.includes('--verbose'))
  if (args.includes('--verbose')) for (const frame of stack) io.stderr.line(escapeText(frame))
  // Help that was printed instead of an answer says enough by itself.
  if (line !== '') io.stderr.line(`zkferry: ${escapeText(line)}`)
  if (args.includes('--json')) {
    const digest = { source: null, target: null }
    const result = {
      status,
      message: line,
      counts: newCounts(),
      digest,
      sourceMoved: 0,
      consistency: 'unknown',
    } as const
    const ending = {
      command: called ?? '',
      exitCode,
      reconnects: 0,
      throttled: 0,
      seconds: 0,
      runId: null,
      journal: null,
      undo: null,
    }
    io.stdout.line(escapeJson(JSON.stringify(summarise(result, ending))))
  }
  io.done(exitCode)
}

function asUsageProblem(error: CommanderError, command: Command | null): UsageProblem {
  if (error.code === 'commander.help') return new UsageProblem('')
  const help = `see zkferry ${command === null ? '' : `${command.name()} `}--help`
  if (error.code === 'commander.excessArguments' && command !== null) {
    const extra = command.args[command.registeredArguments.length]
    return new UsageProblem(`"${extra}" is one argument too many for ${command.name()}; ${help}.`)
  }
  const text = error.message
    .replace(/^error: /, '')
    // Whatever follows the "=" may be a secret that was meant for a file.
    .replace(/'(--?[\w-]+)=[^']*'/, "'$1'")
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '')
  if (error.code === 'commander.unknownOption' && command !== null) {
    const [, unknown = ''] = /^unknown option '([^']*)'/.exec(text) ?? []
    const meant = suggestion(unknown, command)
    if (meant !== '') return new UsageProblem(`unknown option '${unknown}'${meant}; ${help}.`)
  }
  return new UsageProblem(`${text}; ${help}.`)
}
