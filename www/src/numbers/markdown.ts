// A model card's Markdown as blocks: as much of it as our cards use.

export type Block =
  | { kind: 'heading'; level: number; text: string }
  | { kind: 'text' | 'code'; text: string }
  | { kind: 'list'; items: string[] }
  | { kind: 'table'; rows: string[][] }

export interface Piece {
  kind: 'plain' | 'strong' | 'code' | 'link'
  text: string
  /** Of a link; only addresses of the web are any. */
  address?: string
}

const cells = (line: string) =>
  line
    .replace(/^\||\|\s*$/g, '')
    .split('|')
    .map((cell) => cell.trim())

/** What a line begins; lines of one kind that follow each other are one block. */
function kindOf(line: string): Block['kind'] | null {
  if (/^#{1,4} /.test(line)) return 'heading'
  if (line.startsWith('|')) return 'table'
  if (/^(?:[-*]|\d+\.) /.test(line)) return 'list'
  if (line.startsWith('    ')) return 'code'
  return line.trim() === '' ? null : 'text'
}

export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  const lines = markdown.replace(/^---\n[\s\S]*?\n---\n/, '').split(/\r?\n/)
  let open: Block | null = null
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    if (line.startsWith('```')) {
      const end = lines.indexOf('```', index + 1)
      const last = end < 0 ? lines.length : end
      blocks.push({ kind: 'code', text: lines.slice(index + 1, last).join('\n') })
      index = last
      open = null
      continue
    }
    const kind = kindOf(line)
    if (kind === 'text' && open?.kind === 'text') open.text += ` ${line.trim()}`
    else if (kind === 'code' && open?.kind === 'code') open.text += `\n${line.slice(4)}`
    else if ((kind === 'text' || kind === 'code') && open?.kind === 'list') {
      open.items.push(`${open.items.pop()} ${line.trim()}`)
    } else if (kind === 'list') {
      if (open?.kind !== 'list') blocks.push((open = { kind, items: [] }))
      open.items.push(line.replace(/^(?:[-*]|\d+\.) /, ''))
    } else if (kind === 'table') {
      if (open?.kind !== 'table') blocks.push((open = { kind, rows: [] }))
      if (!/^[|\s:-]+$/.test(line)) open.rows.push(cells(line))
    } else if (kind === 'heading') {
      const level = line.indexOf(' ')
      blocks.push({ kind, level, text: line.slice(level + 1) })
      open = null
    } else if (kind === 'code') blocks.push((open = { kind, text: line.slice(4) }))
    else if (kind === null) open = null
    else blocks.push((open = { kind: 'text', text: line.trim() }))
  }
  return blocks
}

/** Words in bold, code and links inside a text. */
export function piecesOf(text: string): Piece[] {
  return text
    .split(/(\*\*[^*]+\*\*|`[^`]+`|\[[^\]]+\]\([^)\s]+\)|https?:\/\/[^\s)>]+)/)
    .filter((part) => part !== '')
    .map((part): Piece => {
      const link = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(part)
      if (link) {
        const address = /^https?:/.test(link[2]!) ? link[2] : undefined
        return { kind: address ? 'link' : 'plain', text: link[1]!, address }
      }
      if (/^https?:/.test(part)) return { kind: 'link', text: part, address: part }
      if (part.startsWith('**')) return { kind: 'strong', text: part.slice(2, -2) }
      if (part.startsWith('`')) return { kind: 'code', text: part.slice(1, -1) }
      return { kind: 'plain', text: part }
    })
}
