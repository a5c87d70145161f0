import { VERSIONS } from './jars.mjs'

export interface ServerOptions {
  /** One of `VERSIONS`. @default '3.9.5' */
  version?: string
  /** Lines of zoo.cfg, over the defaults of `zooCfg`. */
  config?: Record<string, string>
  /**
   * More arguments for the JVM. Later ones win: `-Xmx1g`, `-XX:TieredStopAtLevel=4` (the full JIT, for benchmarks),
   * `-Dzookeeper.extendedTypesEnabled=false`. A collector (`-XX:+UseG1GC`) replaces the default one.
   */
  jvm?: string[]
  /** More environment variables for the server's process. */
  env?: Record<string, string>
  /** A data directory to start on, kept when the server stops. @default a new one, removed by `stop()` */
  dataDir?: string
}

/** What a provider needs to run one server; the same for each start of that server. */
export interface LaunchSpec {
  version: string
  /** The working folder: zoo.cfg and server.log. */
  folder: string
  dataDir: string
  jvm: string[]
  env: Record<string, string>
}

export const MAIN_CLASS = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'

const COLLECTOR = /^-XX:\+Use\w+GC$/

/** Arguments for a JVM that is up quickly and stays small. */
export function jvmArguments(own: string[]): string[] {
  const defaults = [
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Djava.net.preferIPv4Stack=true',
    '-Dzookeeper.extendedTypesEnabled=true',
    '-Dzookeeper.jmx.log4j.disable=true',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
  ]
  const wanted = own.some((argument) => COLLECTOR.test(argument))
    ? defaults.filter((argument) => !COLLECTOR.test(argument))
    : defaults
  return [...wanted, ...own]
}

/** The text of zoo.cfg. Sessions may ask for 1 s (two ticks) to 60 s. */
export function zooCfg(dataDir: string, port: number, config: Record<string, string> = {}): string {
  const lines = {
    tickTime: '500',
    initLimit: '40',
    syncLimit: '8',
    maxSessionTimeout: '60000',
    maxClientCnxns: '0',
    'admin.enableServer': 'false',
    '4lw.commands.whitelist': '*',
    dataDir,
    clientPort: String(port),
    clientPortAddress: '127.0.0.1',
    ...config,
  }
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

export function checkVersion(version: string): string {
  if (VERSIONS.includes(version)) return version
  throw new Error(`ZooKeeper ${version} is not among the tested versions: ${VERSIONS.join(', ')}`)
}
