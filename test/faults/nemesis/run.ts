/** One run: a tree, a job, faults; then what must hold is looked at by a reader that has nothing of the engine. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RandomStream } from '../../../fixtures/random.ts'
import { readJournal } from '../../../src/journal/index.ts'
import { faultsOf } from './faults.ts'
import { type Ended, Ferry } from './ferry.ts'
import { isCorrupting, type Plan } from './plan.ts'
import { readAll, type Seen, unlike } from './reader.ts'
import type { Stage } from './stage.ts'
import { changeTree, plantTree } from './tree.ts'

export interface Verdict {
  /** Empty when all held. */
  wrong: string[]
  /** How each process ended. */
  history: string[]
  seconds: number
}

/** The same command again, once nothing is broken: so often at most until it ends with 0. */
const MOST_TRIES = 4
const SENTINEL = '/sentinel'

export async function oneRun(plan: Plan, stage: Stage): Promise<Verdict> {
  const begun = performance.now()
  const state = mkdtempSync(join(tmpdir(), 'zkferry-nemesis-'))
  const run = new Run(plan, stage, state)
  try {
    await run.prepare()
    await run.work()
    await run.look()
    await run.clean()
  } catch (error) {
    run.wrong.push(`the nemesis itself: ${(error as Error).stack}`)
  } finally {
    rmSync(state, { recursive: true, force: true })
  }
  return { wrong: run.wrong, history: run.history, seconds: (performance.now() - begun) / 1000 }
}

class Run {
  readonly wrong: string[] = []
  readonly history: string[] = []
  readonly #plan: Plan
  readonly #stage: Stage
  readonly #state: string
  readonly #from: string
  readonly #to: string
  #sentinel = ''
  #topLevel: string[] = []

  constructor(plan: Plan, stage: Stage, state: string) {
    this.#plan = plan
    this.#stage = stage
    this.#state = state
    const name = plan.seed.replaceAll(/\W+/g, '-')
    this.#from = `/from-${name}`
    this.#to = `/to-${name}`
  }

  get #source() {
    return this.#stage.places.source
  }

  get #target() {
    return this.#stage.places.target
  }

  async prepare(): Promise<void> {
    const { seed, znodes, ephemerals, job, unlike } = this.#plan
    const root = job === 'rmr' ? this.#to : this.#from
    const { client } = job === 'rmr' ? this.#target : this.#source
    await plantTree(client, root, { seed, znodes, ephemerals })
    if ((await this.#target.client.exists(SENTINEL)) === null) {
      await plantTree(this.#target.client, SENTINEL, { seed: 'sentinel', znodes: 30, ephemerals: 0 })
    }
    if (job === 'verify' || job === 'copy --delete') {
      const clean = new Ferry(this.#copyWords([]), true, this.#state, znodes)
      const { code, message } = await clean.run(Promise.resolve())
      if (code !== 0) throw new Error(`a copy without any fault ended with ${code}: ${message}`)
    }
    if (job === 'copy --delete') {
      await changeTree(client, root, await readAll(client, root), seed)
    }
    if (job === 'verify' && unlike) await this.#spoil()
    this.#sentinel = JSON.stringify([...(await readAll(this.#target.client, SENTINEL))])
    this.#topLevel = await this.#listTop()
  }

  async work(): Promise<void> {
    const ferry = new Ferry(this.#words(), this.#plan.known, this.#state, this.#plan.znodes)
    const calm = faultsOf(this.#plan, this.#stage, ferry)
    let faulty = true
    void calm.then(() => {
      faulty = false
    })
    let ended = await ferry.run(calm)
    // Somebody starts it again, also while things are still broken.
    for (let tries = 0; !this.#isEnd(ended) && !this.#isDoneUnheard(ended) && tries < MOST_TRIES; ) {
      if (!ferry.killed) {
        this.#judge(ended)
        // An end that is honest about the faults: the same command again, when they are over.
        await calm
      }
      if (!faulty) tries++
      ended = await ferry.run(calm)
    }
    await calm
    this.history.push(...ferry.history)
    if (!this.#isEnd(ended) && !this.#isDoneUnheard(ended))
      this.wrong.push(`STUCK: it never ended with 0, the last time: ${ended.message}`)
    if (ended.hung) this.wrong.push('HANG')
  }

  async look(): Promise<void> {
    const { job } = this.#plan
    const target = await readAll(this.#target.client, this.#to)
    if (job === 'rmr') {
      if (target.size > 0) this.wrong.push(`FALSE SUCCESS: ${target.size} znodes are left`)
    } else if (job !== 'verify') {
      const source = await readAll(this.#source.client, this.#from)
      this.#compare(source, target)
    }
    const sentinel = JSON.stringify([...(await readAll(this.#target.client, SENTINEL))])
    if (sentinel !== this.#sentinel) this.wrong.push('the tree beside the target changed')
    const top = await this.#listTop()
    for (const name of [...this.#topLevel, ...top]) {
      if (`/${name}` === this.#to || (this.#topLevel.includes(name) && top.includes(name))) continue
      this.wrong.push(`/${name} of the target ${top.includes(name) ? 'was made' : 'is gone'}`)
    }
  }

  async clean(): Promise<void> {
    await removeTree(this.#stage, 'source', this.#from)
    await removeTree(this.#stage, 'target', this.#to)
  }

  #compare(source: Map<string, Seen>, target: Map<string, Seen>): void {
    const { job } = this.#plan
    const corrupting = isCorrupting(this.#plan)
    const first = job === 'copy' || job === 'resume'
    const found = unlike(source, target, {
      mayBeAhead: corrupting,
      writtenOnce: first && !corrupting,
    })
    for (const what of found.slice(0, 10)) this.wrong.push(`FALSE SUCCESS: ${what}`)
    if (found.length > 10) this.wrong.push(`and ${found.length - 10} more`)
  }

  /** What a process that was not killed by us may end with while things are broken. */
  #judge({ code, signal, message, hung }: Ended): void {
    if (hung) this.wrong.push('HANG')
    else if (signal !== null) this.wrong.push(`it died of ${signal}`)
    else if (code === 70) this.wrong.push(`a bug: ${message}`)
    else if (code === null || message === '') this.wrong.push(`exit ${code} without a word`)
    else if (code === 1 && this.#plan.job === 'verify')
      this.wrong.push(`verify found differences where there are none: ${message}`)
    else if (code === 2 || code === 7) this.wrong.push(`it was refused: ${message}`)
  }

  #isEnd({ code, message }: Ended): boolean {
    const { job, unlike } = this.#plan
    if (job === 'verify' && unlike) {
      if (code === 0) this.wrong.push('FALSE SUCCESS: verify found two trees identical that are not')
      return code === 0 || code === 1
    }
    // Removed by a process that could not say so any more.
    if (job === 'rmr' && code === 2 && message.includes('does not exist')) return true
    return code === 0
  }

  /** Killed after it was done. Without an identity on the target, what is locked there cannot be proved twice. */
  #isDoneUnheard({ signal }: Ended): boolean {
    const file = join(this.#state, 'run.journal')
    if (this.#plan.known || signal === null || !existsSync(file)) return false
    try {
      const journal = readJournal(file)
      const { status } = journal.latest() ?? {}
      journal.close()
      return status === 'done'
    } catch {
      // Killed while it was being made.
      return false
    }
  }

  #words(): string[] {
    const { job, args } = this.#plan
    const [source, target] = this.#locations()
    if (job === 'rmr') return ['rmr', '--yes', ...args, target]
    if (job === 'verify') return ['verify', '--rounds', '2', '--settle', '100ms', ...args, source, target]
    return this.#copyWords([
      ...args,
      ...(job === 'copy --delete' ? ['--delete', '--yes', '--overwrite-newer'] : []),
    ])
  }

  #copyWords(args: string[]): string[] {
    const journal = join(this.#state, 'run.journal')
    return ['copy', '--journal', journal, '--settle', '100ms', ...args, ...this.#locations()]
  }

  #locations(): [source: string, target: string] {
    return [this.#source.address + this.#from, this.#target.address + this.#to]
  }

  /** One change to the target that a verification must find. */
  async #spoil(): Promise<void> {
    const { client } = this.#target
    const random = new RandomStream(`spoil ${this.#plan.seed}`)
    const paths = [...(await readAll(client, this.#to)).keys()].map((path) =>
      path === '' ? this.#to : `${this.#to}/${path}`,
    )
    const path = paths[random.below(paths.length)] as string
    const kind = random.below(3)
    if (kind === 0) await client.setData(path, Buffer.from('somebody else was here'))
    else if (kind === 1) await client.create(`${path}/extra`, null)
    else await client.setACL(path, [{ perms: 31, scheme: 'ip', id: Buffer.from('127.0.0.0/8') }])
  }

  async #listTop(): Promise<string[]> {
    await this.#target.client.sync('/')
    return (await this.#target.client.getChildren('/')).children
  }
}

async function removeTree(stage: Stage, side: 'source' | 'target', root: string): Promise<void> {
  const { client } = stage.places[side]
  const paths = [...(await readAll(client, root)).keys()].reverse()
  await Promise.all(paths.map((path) => client.delete(path === '' ? root : `${root}/${path}`)))
}
