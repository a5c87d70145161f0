/**
 * Kinds of the znodes that a copy makes: what the user says, as far as the target makes such. What it does not make is
 * not made as something else.
 */
import type { KindSupport, TreeTarget } from '../tree/contracts.ts'
import { type CreateMode, type KindOptions, modesOf } from '../tree/create-mode.ts'
import type { Directory } from '../tree/directory.ts'
import type { MarchPair } from '../tree/march.ts'
import { isEphemeral, type Pair } from '../tree/pairs.ts'

export type Unsupported = 'container-unsupported' | 'ttl-unsupported'

export interface Modes {
  /** `persistent` unless the user says otherwise; a reason where the target cannot make it. */
  modeFor(path: string): CreateMode | Unsupported
}

export class Kinds implements Modes {
  /** Znodes that were not made because the target does not make their kind. */
  refused = 0
  readonly #target: TreeTarget
  readonly #modeOf: ((path: string) => CreateMode) | null
  readonly #support = new Map<'container' | 'ttl', KindSupport>()

  constructor(target: TreeTarget, options: KindOptions) {
    this.#target = target
    this.#modeOf = modesOf(options)
  }

  /** Null when nothing has to be found out for these; almost always. */
  prepare(pairs: readonly Pair[]): Promise<void> | null {
    if (this.#modeOf === null) return null
    const asked = new Set<'container' | 'ttl'>()
    for (const pair of pairs) {
      if (pair.source === null || pair.target !== null || isEphemeral(pair.source.stat)) continue
      for (const path of [pair.path, ...unmadeAbove(pair)]) {
        const kind = kindOf(this.#modeOf(path))
        if (kind !== null && !this.#support.has(kind)) asked.add(kind)
      }
    }
    return asked.size === 0 ? null : this.#ask([...asked])
  }

  modeFor(path: string): CreateMode | Unsupported {
    const mode = this.#modeOf?.(path) ?? 'persistent'
    const kind = kindOf(mode)
    if (kind === null || this.#support.get(kind) === 'yes') return mode
    return `${kind}-unsupported`
  }

  /** One sentence for a kind that was refused; `null` when everything that was needed is made. */
  explanation(): string | null {
    const sentences = [...this.#support].flatMap(([kind, support]) => {
      if (support === 'yes') return []
      const what = kind === 'ttl' ? 'TTL znodes' : 'containers'
      if (support === 'off')
        return [`The target does not make ${what}: zookeeper.extendedTypesEnabled is off on its servers.`]
      const since = kind === 'ttl' ? '3.5.3' : '3.5.1'
      return [`The target does not make ${what}: its servers are older than ${since}.`]
    })
    return sentences.length === 0 ? null : sentences.join(' ')
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

/**
 * Directories that would be made only to lead here: the first whose kind the target does not make is lost, and with it
 * everything below. Returns it; `null` when there is none.
 */
export function loseUnmakable(
  directory: Directory | null,
  modes: Modes,
): { path: string; reason: Unsupported } | null {
  for (let above = directory; above !== null && above.unmade !== null; above = above.parent) {
    const mode = modes.modeFor(above.path)
    if (!isUnsupported(mode)) continue
    above.unmade = null
    above.lost = true
    return { path: above.path, reason: mode }
  }
  return null
}

/** Directories above that are made only because of this znode. */
function* unmadeAbove(pair: Pair): Generator<string> {
  let directory = (pair as Partial<MarchPair>).directory ?? null
  for (; directory !== null && directory.unmade !== null; directory = directory.parent) yield directory.path
}
