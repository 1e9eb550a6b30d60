/** The first rows of a CSV file, to show what is in it before it is sent. The server reads the file by itself. */

export interface Preview {
  separator: string
  columns: string[]
  rows: string[][]
  /** Rows of the file without its header, blank ones left out; `undefined` when only a part of it was read. */
  total: number | undefined
}

/** Bytes that are looked at. */
export const LOOK = 256 * 1024

export function preview(text: string, whole: boolean, most: number): Preview {
  const separator = separatorOf(text)
  const all = rowsOf(text, separator).filter((row) => row.some((cell) => cell.trim() !== ''))
  // The last row of a part may be cut off.
  const rows = whole ? all : all.slice(0, -1)
  const [columns = [], ...body] = rows
  return { separator, columns: columns.map((name) => name.trim()), rows: body.slice(0, most), total: whole ? body.length : undefined }
}

/** Comma, semicolon or tab: whichever the first row has most of. */
export function separatorOf(text: string): string {
  const head = text.split(/\r?\n/, 1)[0] ?? ''
  const counts = [',', ';', '\t'].map((separator) => [separator, head.split(separator).length] as const)
  return counts.reduce((best, one) => (one[1] > best[1] ? one : best))[0]
}

/** RFC 4180: quoted cells may have separators, line ends and doubled quotes. */
export function rowsOf(text: string, separator: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let cell = ''
  let quoted = false
  const start = text.charCodeAt(0) === 0xfeff ? 1 : 0
  for (let at = start; at < text.length; at++) {
    const letter = text[at]!
    if (quoted) {
      if (letter !== '"') cell += letter
      else if (text[at + 1] === '"') { cell += '"'; at++ } else quoted = false
    } else if (letter === '"' && cell === '') quoted = true
    else if (letter === separator) { row.push(cell); cell = '' } else if (letter === '\n') {
      row.push(cell)
      rows.push(row)
      row = []
      cell = ''
    } else if (letter !== '\r') cell += letter
  }
  if (cell !== '' || row.length > 0) rows.push([...row, cell])
  return rows
}

const KNOWN = ['name', 'phone', 'phone2', 'phone3', 'phone4', 'phone5', 'time_zone', 'country']

/** What a column becomes: a field of the contact, or a variable of that name. */
export function meaning(column: string): 'field' | 'variable' {
  return KNOWN.includes(column.toLowerCase()) ? 'field' : 'variable'
}

export function csvOf(rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  return rows.map((row) => row.map(cell).join(',')).join('\r\n')
}
