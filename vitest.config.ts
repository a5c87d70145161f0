import { defineConfig } from 'vitest/config'

/** `vitest run` is the default suite; `vitest run --mode matrix` and `--mode soak` are the long ones. */
export default defineConfig(({ mode }) => {
  const long = mode === 'matrix' || mode === 'soak'
  return {
    test: {
      include: long ? [`test/${mode}/**/*.test.ts`] : ['test/**/*.test.ts'],
      exclude: long ? [] : ['test/matrix/**', 'test/soak/**'],
      globalSetup: ['test/servers/global-setup.ts'],
      setupFiles: ['test/servers/end-with-runner.ts'],
      // Each file in a process of its own: native modules, signals and exit codes are tested. Much of a test is waiting: two cores are assumed,
      // and the servers need their share of them.
      pool: 'forks',
      maxWorkers: 3,
      maxConcurrency: 2,
      testTimeout: long ? 3_600_000 : 60_000,
      // Real servers, killed and paused on a machine that others use, too: a run that nobody watches tries again, and says so.
      retry: process.env.CI ? 2 : 0,
      hookTimeout: long ? 600_000 : 120_000,
    },
  }
})
