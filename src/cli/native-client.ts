/** `--client native`: who reads the target of a verification. */
import type { Command } from 'commander'
import type { TreeSource } from '../tree/contracts.ts'
import { note } from './job-options.ts'
import { type BothPlaces, refuseOnePlace } from './open-both.ts'
import { type Opening, openSource, requireEnsemble } from './open-location.ts'
import type { Shell } from './shell.ts'
import { wrong } from './values.ts'

export interface ClientFlags {
  /** Absent: our own. */
  client?: 'native'
}

export function addClientOption(command: Command): Command {
  return command.option(
    '--client <name>',
    'native: read the target through the optional zookeeper package, the official C client, so that the proof does not rest on the code that wrote',
    (text: string) => {
      if (text !== 'native') throw wrong('--client', text, 'is no client that can be chosen: native is')
      return text
    },
  )
}

export async function openBothWith(
  client: ClientFlags['client'],
  shell: Shell,
  places: BothPlaces,
): Promise<[TreeSource, TreeSource]> {
  const { from, to, sourceAuth, targetAuth, flags } = places
  const opened = await Promise.all([
    openSource(shell, { location: from, side: 'source', auth: sourceAuth, flags }),
    openTargetWith(client, shell, { location: to, side: 'target', auth: targetAuth, flags }),
  ])
  await refuseOnePlace(places)
  return opened
}

export async function openTargetWith(
  client: ClientFlags['client'],
  shell: Shell,
  opening: Opening,
): Promise<TreeSource> {
  if (client === undefined) return openSource(shell, opening)
  const { openNativeSource, refuseForNative } = await import('../locations/native-source.ts')
  const { side, auth, flags } = opening
  const location = requireEnsemble(opening.location, '--client native')
  refuseForNative({ location, auth })
  // Ours tells at once, and better, what is wrong with an address or an identity.
  const own = await openSource(shell, opening)
  await own.close()
  const source = shell.own(
    await openNativeSource({
      location,
      side,
      auth,
      sessionTimeoutMs: flags.timeout,
      retryForMs: flags.retryFor,
      emit: shell.context.emit,
    }),
  )
  note(shell, 'the target is read through the zookeeper package (the official C client)')
  return source
}
