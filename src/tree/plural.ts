/** Counts in sentences, for every room that speaks to people. */

/** `1,234,567`, in every locale. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 znode`, `2 znodes`, `1,000 znodes`; `1 znode differs`, `2 znodes differ`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
