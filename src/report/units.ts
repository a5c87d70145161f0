/** Sizes, counts and times as people read them. JSON never uses these. */
export { formatCount, plural } from '../tree/plural.ts'

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** `0 B`, `999 B`, `1.5 kB`, `12 MB`: powers of 1000. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const text = unit > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)
  return `${text} ${BYTE_UNITS[unit]}`
}

/** `0.4 s`, `5 s`, `12 s`, `3 min 20 s`, `15 min`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return twoUnits(Math.floor(whole / 60), 'min', whole % 60, 's')
  return twoUnits(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min')
}

function twoUnits(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`
}

/** `2026-11-23 18:00:00Z`, in UTC. */
export function formatTime(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`
}
