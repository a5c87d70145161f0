/** Prints the lines of all rows as one table, in Markdown, so that it can go into docs/performance.md. */
import type { Line } from './row.ts'

const HEAD = ['Work', 'zkferry', 'znodes/s', 'CPU a znode', 'peak RSS', 'against', 'ratio', 'goal', '']

export function table(lines: readonly Line[]): string {
  const rows = [HEAD, ...lines.map(cells)]
  const widths = HEAD.map((_, column) => Math.max(3, ...rows.map((row) => (row[column] as string).length)))
  const text = rows.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] as number)).join(' | ')} |`,
  )
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [text[0], rule, ...text.slice(1)].join('\n')
}

function cells({ work, sample, against, ratio, goal, met }: Line): string[] {
  return [
    work,
    sample === null ? '' : `${sample.seconds.toFixed(2)} s`,
    sample === null || sample.znodes === 0
      ? ''
      : Math.round(sample.znodes / sample.seconds).toLocaleString('en'),
    sample?.cpuSeconds && sample.znodes > 0
      ? `${((sample.cpuSeconds / sample.znodes) * 1e6).toFixed(1)} µs`
      : '',
    sample?.maxRssBytes ? `${Math.round(sample.maxRssBytes / 1e6)} MB` : '',
    against,
    ratio === null ? '' : ratio.toFixed(2),
    goal,
    met === null ? '' : met ? 'met' : 'missed',
  ]
}
