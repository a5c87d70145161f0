/** Flags about counters: sequence counters, and data versions that are counters. */
import type { Command } from 'commander'
import type { CounterOptions } from '../tree/counter-rules.ts'
import { glob } from './values.ts'

export interface CounterFlags {
  versions?: string[]
  container?: string[]
}

export function addVersionsOption(command: Command): Command {
  return command.option(
    '--versions <glob>',
    'data versions to keep besides those of znodes with empty data, which are counters (repeatable)',
    glob('--versions'),
  )
}

/** For `verify`, which cannot see kinds. */
export function addContainerOption(command: Command): Command {
  return command.option(
    '--container <glob>',
    'znodes that are containers: while one is empty its sequence counter must stay behind (repeatable)',
    glob('--container'),
  )
}

export function counterOptions(
  flags: CounterFlags,
  parts: Omit<CounterOptions, 'versions' | 'containers'>,
): CounterOptions {
  return { ...parts, versions: flags.versions ?? [], containers: flags.container ?? [] }
}
