/**
 * Real ZooKeeper servers for tests, benchmarks and the demo: by a Docker engine, by Maven's jars, or by an
 * installed ZooKeeper, the first that works. Every server ends with the process that started it.
 */
export { Ensemble, type EnsembleOptions, startEnsemble } from './ensemble.ts'
export { VERSIONS } from './jars.mjs'
export type { ServerOptions } from './options.ts'
export { claimPort, releasePort } from './ports.ts'
export { Server, startServer } from './server.ts'
