/** What the rows measure with. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { javaCommand, projectRoot } from '../test/servers/jars.mjs'
import type { BenchOptions } from './options.ts'
import { expectExit, run, runNode, type Usage } from './program.ts'
import { type Place, Stage } from './stage.ts'
import { type TreeSpec, treeText } from './trees.ts'

/** One program's run. */
export interface Sample {
  seconds: number
  znodes: number
  cpuSeconds: number | null
  maxRssBytes: number | null
  /** What all servers of the benchmark used meanwhile. `null` where it cannot be told. */
  serverCpuSeconds: number | null
}

/** The last line of `zkferry --json`, as far as it is looked at here. */
export interface Summary {
  status: string
  znodes: { read: number; created: number; updated: number; deleted: number }
}

export type FerrySample = Sample & { summary: Summary }

export interface FerryOptions {
  exitCodes?: number[]
  killWhen?: Promise<unknown>
  /** @default a fresh one, removed afterwards */
  stateFolder?: string
}

export class Bench {
  readonly options: BenchOptions
  readonly stage = new Stage()
  readonly say: (line: string) => void
  readonly #folder = mkdtempSync(join(tmpdir(), 'zkferry-bench-state-'))
  readonly #cli: string
  #states = 0

  constructor(options: BenchOptions, say: (line: string) => void) {
    this.options = options
    this.say = say
    this.#cli = options.cli ?? join(projectRoot(), 'bin', 'zkferry.js')
  }

  /** The jar of ksprojects/zkcopy, or `null` when the row has to do without. */
  get zkcopyJar(): string | null {
    return this.options.peers ? (process.env.ZKCOPY_JAR ?? null) : null
  }

  newStateFolder(): string {
    return join(this.#folder, String(++this.#states))
  }

  /** zkferry as a user starts it: the whole process, with its journal. */
  async zkferry(args: string[], options: FerryOptions = {}): Promise<FerrySample> {
    const stateFolder = options.stateFolder ?? this.newStateFolder()
    const [command = '', ...rest] = args
    const { profile } = this.options
    const usage = await runNode(this.#cli, [command, '--json', '--quiet', ...rest], {
      env: { ZKFERRY_STATE: stateFolder },
      nodeArgs: profile === null ? [] : ['--cpu-prof', '--cpu-prof-dir', profile],
      ...(options.killWhen ? { killWhen: options.killWhen } : {}),
    })
    expectExit(`zkferry ${args.join(' ')}`, usage, options.exitCodes)
    if (options.stateFolder === undefined) rmSync(stateFolder, { recursive: true, force: true })
    const summary = JSON.parse(usage.stdout.trimEnd().split('\n').at(-1) || '{}') as Summary
    return { ...sampleOf(usage, summary.znodes?.read ?? 0), summary }
  }

  /** One bare flood; its time is the flood's own, without the start of Node. */
  async flood(kind: 'read' | 'acl' | 'create', place: Place, root: string, tree: TreeSpec): Promise<Sample> {
    const program = fileURLToPath(new URL('./floods/main.js', import.meta.url))
    const usage = await runNode(program, [kind, place.connect, root, treeText(tree)])
    expectExit(`the ${kind} flood`, usage)
    return { ...sampleOf(usage, 0), ...(JSON.parse(usage.stdout) as { znodes: number; seconds: number }) }
  }

  async plainCopier(source: Place, sourceRoot: string, target: Place, targetRoot: string): Promise<Sample> {
    const program = fileURLToPath(new URL('./plain-copier.mjs', import.meta.url))
    const usage = await runNode(program, [source.connect, sourceRoot, target.connect, targetRoot])
    expectExit('the plain copier', usage)
    return sampleOf(usage, (JSON.parse(usage.stdout) as { znodes: number }).znodes)
  }

  async zkcopy(jar: string, source: string, target: string, znodes: number): Promise<Sample> {
    const args = ['-jar', jar, '-s', source, '-t', target, '-w', '100', '-b', '1000']
    return { ...(await this.program('zkcopy', javaCommand(), args)), znodes }
  }

  /** Any other program, from its start to its end. */
  async program(name: string, command: string, args: string[]): Promise<Sample> {
    return sampleOf(expectExit(name, await run(command, args)), 0)
  }

  async version(): Promise<Sample> {
    return sampleOf(expectExit('zkferry --version', await runNode(this.#cli, ['--version'])), 0)
  }

  /**
   * Runs all in turn, once for nothing and then `runs` times; returns the fastest of each. In turn, so that a noisy
   * neighbour disturbs all of them and not one.
   */
  async best<K extends string>(
    work: Record<K, () => Promise<Sample>>,
    runs = this.options.runs,
  ): Promise<Record<K, Sample>> {
    const best: Partial<Record<K, Sample>> = {}
    for (let round = 0; round <= runs; round++) {
      for (const name of Object.keys(work) as K[]) {
        const sample = await this.withServers(work[name])
        this.say(`${round === 0 ? 'warm-up' : `run ${round}`}: ${name} ${told(sample)}`)
        const fastest = best[name]
        if (round > 0 && (fastest === undefined || sample.seconds < fastest.seconds)) best[name] = sample
      }
    }
    return best as Record<K, Sample>
  }

  /** Takes the servers' share in, unless that was done inside already. */
  async withServers(work: () => Promise<Sample>): Promise<Sample> {
    const before = await this.stage.cpuSeconds()
    const sample = await work()
    const after = await this.stage.cpuSeconds()
    if (before !== null && after !== null) sample.serverCpuSeconds ??= after - before
    return sample
  }

  async close(): Promise<void> {
    await this.stage.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function sampleOf(usage: Usage, znodes: number): Sample {
  const { seconds, cpuSeconds, maxRssBytes } = usage
  return { seconds, znodes, cpuSeconds, maxRssBytes, serverCpuSeconds: null }
}

function told({ seconds, znodes, cpuSeconds, serverCpuSeconds }: Sample): string {
  const each = (cpu: number | null) => (cpu === null ? '?' : ((cpu / znodes) * 1e6).toFixed(1))
  return `${seconds.toFixed(2)} s; CPU a znode: client ${each(cpuSeconds)} µs, servers ${each(serverCpuSeconds)} µs`
}
