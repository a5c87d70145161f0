/** The demo where there are no servers: every command of it ends as it says, on the recorded data directory. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { playFiles } from '../../scripts/demo/play-files.ts'
import { Terminal } from '../../scripts/demo/terminal.ts'
import { projectRoot } from '../servers/jars.mjs'

test('what is left of an ensemble: looked into, archived, damaged and caught, made to boot', async () => {
  const state = mkdtempSync(join(tmpdir(), 'zkferry-demo-'))
  const data = join(projectRoot(), 'fixtures', 'datadir', 'zookeeper-3.9.5')
  const said = vi.spyOn(console, 'log').mockImplementation(() => {})
  const terminal = new Terminal(projectRoot(), { ZKFERRY_STATE: state }, { DATA: data, STATE: state })
  await playFiles(state, terminal)
  const text = said.mock.calls.map(([line]) => String(line)).join('\n')
  expect(text).toMatch(/0x1a .*delete .*\/pegasus\/queue\/job-0000000001/)
  expect(text).toContain('(exit code 5)')
})
