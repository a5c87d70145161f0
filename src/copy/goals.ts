/** Which counters of a znode a copy has to bring up. */
import type { CounterRules } from '../tree/counter-rules.ts'
import type { CreateMode } from '../tree/create-mode.ts'
import { isEphemeral, type Pair } from '../tree/pairs.ts'
import { nextSequence, type Znode } from '../tree/znode.ts'
import type { CounterGoal } from './counters.ts'
import type { Decision } from './decide.ts'

/** What can be done as soon as the znode itself is there: everything, unless children are still to come. */
export function goalOf(pair: Pair, decision: Decision, rules: CounterRules): CounterGoal | null {
  const { path, source } = pair
  if (source === null || isEphemeral(source.stat) || !bringsCounters(decision)) return null
  const wanted = source.stat.numChildren === 0 ? sequenceGoal(pair, rules) : 0
  const sequence = staysBehind({ path, mode: source.mode }, wanted, 0, rules) ? 0 : wanted
  const version = versionGoal(pair, decision, rules)
  if (sequence === 0 && version === null) return null
  return { path, sequence: sequence === 0 ? null : sequence, version, data: source.data }
}

/** A container without children keeps the counter that it has: a server deletes one whose counter has moved. */
export function staysBehind(
  znode: { path: string; mode?: CreateMode },
  wanted: number,
  children: number,
  rules: CounterRules,
): boolean {
  if (wanted === 0 || children > 0 || !rules.isContainer(znode.path, znode)) return false
  rules.leaveBehind(znode.path)
  return true
}

/** The number that the next sequential child shall get, or 0 when nothing has to be done. */
export function sequenceGoal({ source, target }: Pair, rules: CounterRules): number {
  if (!rules.keepsSequence || source === null) return 0
  const wanted = nextSequence(source.stat)
  return target !== null && nextSequence(target.stat) >= wanted ? 0 : wanted
}

function versionGoal({ path, source, target }: Pair, decision: Decision, rules: CounterRules): number | null {
  if (source === null || !rules.keepsVersion(path, source)) return null
  const wanted = source.stat.version
  return versionAfter(decision, target) >= wanted ? null : wanted
}

/** The data version on the target when the decision is carried out. */
export function versionAfter(decision: Decision, target: Znode | null): number {
  const before = target === null ? 0 : target.stat.version
  return decision.do === 'update' && decision.data !== null ? before + 1 : before
}

/** What is kept as it is on the target, or cannot be there, keeps its counters, too. */
export function bringsCounters(decision: Decision): boolean {
  return KEPT.has(decision.do)
}

const KEPT = new Set<Decision['do']>(['nothing', 'create', 'update'])
