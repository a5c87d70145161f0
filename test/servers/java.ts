import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fetchJars, hasJars, hasJava, hasMaven, installedZooKeeper, jarFolder, javaCommand } from './jars.mjs'
import { logTailIn, type Machine, type Provider } from './machine.ts'
import { jvmArguments, type LaunchSpec, MAIN_CLASS } from './options.ts'
import { guard, unguard } from './watchdog.ts'

/** Jars brought by Maven, or brought by it earlier. */
export const maven: Provider = {
  name: 'maven',
  async prepare(version) {
    if (!hasJava()) throw new Error('there is no java command')
    if (!hasJars(version) && !hasMaven()) throw new Error('there is no mvn command')
    await fetchJars(version)
    return version
  },
  launch: async (spec) => launchJava(spec, [join(jarFolder(spec.version), '*')]),
}

/** A ZooKeeper that is on the machine already: whatever version that is stands in for the one asked for. */
export const installed: Provider = {
  name: 'installed',
  async prepare() {
    if (!hasJava()) throw new Error('there is no java command')
    const found = installedZooKeeper()
    if (!found) throw new Error('ZOOKEEPER_HOME and /usr/share/java hold no zookeeper-VERSION.jar')
    return found.version
  },
  launch: async (spec) => launchJava(spec, installedZooKeeper()?.classpath ?? []),
}

function launchJava(spec: LaunchSpec, classpath: string[]): JavaMachine {
  const log = openSync(join(spec.folder, 'server.log'), 'a')
  const args = [
    ...jvmArguments(spec.jvm),
    '-cp',
    classpath.join(delimiter),
    MAIN_CLASS,
    join(spec.folder, 'zoo.cfg'),
  ]
  // Detached: an interrupt at the terminal must reach the tests, which may want their servers to the end.
  const child = spawn(javaCommand(), args, {
    cwd: spec.folder,
    env: { ...process.env, ...spec.env },
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  return new JavaMachine(child, spec.folder)
}

class JavaMachine implements Machine {
  readonly pid: number
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  readonly #folder: string

  constructor(child: ChildProcess, folder: string) {
    this.#child = child
    this.#folder = folder
    this.pid = child.pid ?? 0
    if (this.pid) guard(this.pid, folder)
    this.ended = new Promise((resolve) => {
      child.once('error', () => resolve())
      child.once('exit', () => {
        unguard(this.pid)
        resolve()
      })
    })
    child.unref()
  }

  async kill(): Promise<void> {
    // While a caller waits for the end, the process must be worth waiting for.
    this.#child.ref()
    this.#child.kill('SIGKILL')
    await this.ended
  }

  async pause(): Promise<void> {
    this.#child.kill('SIGSTOP')
  }

  async resume(): Promise<void> {
    this.#child.kill('SIGCONT')
  }

  logTail(): Promise<string> {
    return logTailIn(this.#folder)
  }
}
