/** A data directory to be, as the target of a copy. */
import type { TreeTarget } from '../../tree/contracts.ts'
import { LocationProblem, SafetyRefusal, UsageProblem } from '../../tree/errors.ts'
import { StagedTarget } from '../stored/staged-target.ts'
import { Landing } from './landing.ts'
import { readBack } from './read-back.ts'
import type { ServerVersion } from './server-version.ts'
import { type Booting, SnapshotSealer } from './snapshot-sealer.ts'

export interface SnapshotRequest {
  /** Absolute. */
  directory: string
  /** Where in the new ensemble's tree the copy goes. */
  rootPath: string
  /** As the user wrote it. */
  name: string
  /** A folder for each of so many members; `null`: one server's directory. */
  members: number | null
  /** Set aside what is there. */
  force: boolean
  /** The oldest that shall boot from it; `null`: any that lets clients near all names and keeps all kinds. */
  version: ServerVersion | null
  /** Called once it has its name. */
  published(booting: Booting): void
}

/** Touches nothing yet. @throws UsageProblem, SafetyRefusal, LocationProblem */
export async function openSnapshot(request: SnapshotRequest): Promise<TreeTarget> {
  const { rootPath, name, version, published } = request
  const landing = await Landing.at(request).catch((error: Error) => {
    if (error instanceof UsageProblem || error instanceof SafetyRefusal) throw error
    throw new LocationProblem('target', `${name} cannot be written: ${error.message}.`, { cause: error })
  })
  return new StagedTarget({
    side: 'target',
    name,
    rootPath,
    sealer: new SnapshotSealer({ landing, rootPath, version, readBack, published }),
  })
}
