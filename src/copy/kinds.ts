/**
 * Kinds of the znodes that a copy makes: what the user says, as far as the target makes such. What it does not make is
 * not made as something else.
 */
import type { KindSupport, TreeTarget } from '../tree/contracts.ts'
import { type CreateMode, type KindOptions, modesOf } from '../tree/create-mode.ts'
import { isEphemeral, type Pair } from '../tree/pairs.ts'
import type { Znode } from '../tree/znode.ts'

export type Unsupported = 'container-unsupported' | 'ttl-unsupported'

export interface Modes {
  /** What the user says, else what the source tells, else `persistent`; a reason where the target cannot make it. */
  modeFor(path: string, source: Znode): CreateMode | Unsupported
}

export class Kinds implements Modes {
  /** Znodes that were not made because the target does not make their kind. */
  refused = 0
  readonly #plain: boolean
  readonly #target: TreeTarget
  readonly #modeOf: (path: string) => CreateMode | null
  readonly #support = new Map<'container' | 'ttl', KindSupport>()

  constructor(target: TreeTarget, options: KindOptions) {
    this.#target = target
    this.#modeOf = modesOf(options)
    this.#plain = options.plain === true
  }

  /** Null when nothing has to be found out for these; almost always. */
  prepare(pairs: readonly Pair[]): Promise<void> | null {
    let asked: Set<'container' | 'ttl'> | null = null
    for (const pair of pairs) {
      if (pair.source === null || pair.target !== null || isEphemeral(pair.source.stat)) continue
      const kind = kindOf(this.#wanted(pair.path, pair.source))
      if (kind === null || this.#support.has(kind)) continue
      asked ??= new Set()
      asked.add(kind)
    }
    return asked === null ? null : this.#ask([...asked])
  }

  modeFor(path: string, source: Znode): CreateMode | Unsupported {
    const mode = this.#wanted(path, source)
    const kind = kindOf(mode)
    if (kind === null || this.#support.get(kind) === 'yes') return mode
    if (this.#plain) return 'persistent'
    return `${kind}-unsupported`
  }

  /** A sentence for each kind that was not made as such; `null` when everything that was needed is. */
  explanation(): string | null {
    const sentences = [...this.#support].flatMap(([kind, support]) => {
      if (support === 'yes') return []
      const what = kind === 'ttl' ? 'TTL znodes' : 'containers'
      if (this.#plain)
        return [`The target does not make ${what}: there they are plain znodes, which stay (--plain-kinds).`]
      if (support === 'off')
        return [
          `The target does not make ${what}: zookeeper.extendedTypesEnabled is off on its servers; with --plain-kinds they would be plain znodes.`,
        ]
      const since = kind === 'ttl' ? '3.5.3' : '3.5.1'
      return [
        `The target does not make ${what}: its servers are older than ${since}; with --plain-kinds they would be plain znodes.`,
      ]
    })
    return sentences.length === 0 ? null : sentences.join(' ')
  }

  #wanted(path: string, source: Znode): CreateMode {
    return this.#modeOf(path) ?? source.mode ?? 'persistent'
  }

  async #ask(kinds: readonly ('container' | 'ttl')[]): Promise<void> {
    for (const kind of kinds) this.#support.set(kind, await this.#target.supports(kind))
  }
}

export function isUnsupported(mode: CreateMode | Unsupported): mode is Unsupported {
  return mode === 'container-unsupported' || mode === 'ttl-unsupported'
}

function kindOf(mode: CreateMode): 'container' | 'ttl' | null {
  if (mode === 'persistent') return null
  return mode === 'container' ? 'container' : 'ttl'
}
