import { hasDocker } from './jars.mjs'
import { logTailIn, type Machine, type Provider } from './machine.ts'
import { jvmArguments, type LaunchSpec, MAIN_CLASS } from './options.ts'

/**
 * The official image on a Docker engine of this machine. The host's network and folders are used as they are,
 * so that a container behaves as a process would: same zoo.cfg, loopback ports only, a dataDir that tests can
 * read. testcontainers' reaper removes what a crashed test leaves behind.
 */
export const docker: Provider = {
  name: 'docker',
  async prepare(version) {
    if (process.platform !== 'linux')
      throw new Error('containers share the network of the host on Linux only')
    if (!hasDocker()) throw new Error('no Docker engine answers')
    const { getContainerRuntimeClient, ImageName } = await import('testcontainers')
    const { image } = await getContainerRuntimeClient()
    await image.pull(ImageName.fromString(`zookeeper:${version}`))
    return version
  },
  launch,
}

async function launch(spec: LaunchSpec): Promise<Machine> {
  // Not at the top: testcontainers takes a second to load, and most machines have no engine.
  const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers')
  const folders = spec.dataDir.startsWith(`${spec.folder}/`) ? [spec.folder] : [spec.folder, spec.dataDir]
  const started = await new GenericContainer(`zookeeper:${spec.version}`)
    .withNetworkMode('host')
    .withUser(`${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`)
    .withBindMounts(folders.map((folder) => ({ source: folder, target: folder, mode: 'rw' as const })))
    .withEnvironment(spec.env)
    .withEntrypoint(['sh', '-c'])
    .withCommand([commandLine(spec)])
    .start()
  const client = await getContainerRuntimeClient()
  const container = client.container.getById(started.getId())
  const { State } = await container.inspect()
  const ended = container.wait().then(
    () => {},
    () => {},
  )
  return {
    pid: State.Pid,
    ended,
    async kill() {
      // Fails when the server has ended by itself, which is as good. A paused container cannot be killed everywhere.
      await container.unpause().catch(() => {})
      await container.kill().catch(() => {})
      await ended
      await started.stop()
    },
    pause: () => container.pause(),
    resume: () => container.unpause(),
    logTail: () => logTailIn(spec.folder),
  }
}

/** The image's working folder is the unpacked distribution, /conf holds its logging configuration. */
function commandLine(spec: LaunchSpec): string {
  const args = [...jvmArguments(spec.jvm), '-cp', '/conf:./*:./lib/*', MAIN_CLASS, `${spec.folder}/zoo.cfg`]
  return `exec java ${args.map(quoted).join(' ')} >> ${quoted(`${spec.folder}/server.log`)} 2>&1`
}

function quoted(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`
}
