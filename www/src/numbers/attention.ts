// Attention maps, query × key, from the steps' traced tensors: only the mean is computed here.
import type { DecodeStep, EncodeStep, Snapshot, Token, WriteStep } from 'glassformer'
import {
  crossAttention,
  encoderAttention,
  maskedAttention,
  overSlots,
  traced,
  type Site,
} from '../sites'
import type { Head } from '../state/address'
import type { Reading, Run } from '../state/work'
import { heldAt } from './slots'

/** Why a cell holds a weight or none. */
export type Kind = 'weight' | 'padding' | 'causal' | 'overwritten'

export interface Label {
  /** Null for a padding column, which stands for no token of the text. */
  token: Token | null
  position: number
}

export interface AttentionMap {
  /** The tensors that the numbers were read from. */
  sites: { weights: Site; scores: Site }
  axes: string
  /** Of the tensors that a row's numbers were read from. */
  shape(row: number): readonly number[]
  head: Head
  rows: readonly Label[]
  columns: readonly Label[]
  /** `[rows, columns]`, 0 where a mask forbids. */
  weights: Float32Array
  /** Null for the mean of heads, whose weights come from no one row of scores. */
  scores: Float32Array | null
  kind(row: number, column: number): Kind
  /** The weight of every head: the operands of their mean. */
  heads(row: number, column: number): number[]
}

/** Row `row` of a `[H, R, K]` tensor for one head, or the mean over H. */
function rowOf({ shape, data }: Snapshot, head: Head, row: number): Float32Array {
  const [heads = 0, rows = 0, width = 0] = shape
  const start = (h: number) => (h * rows + row) * width
  if (head !== 'mean') return data.subarray(start(head), start(head) + width)
  const mean = new Float32Array(width)
  for (let h = 0; h < heads; h++) {
    const from = start(h)
    for (let k = 0; k < width; k++) mean[k]! += data[from + k]! / heads
  }
  return mean
}

/** The first `count` rows of a `[H, R, K]` tensor: a view of one head, or the mean over H. */
function rowsOf(tensor: Snapshot, head: Head, count: number): Float32Array {
  const [, rows = 0, width = 0] = tensor.shape
  if (head !== 'mean') {
    const start = head * rows * width
    return tensor.data.subarray(start, start + count * width)
  }
  const all = new Float32Array(count * width)
  for (let row = 0; row < count; row++) all.set(rowOf(tensor, head, row), row * width)
  return all
}

/** One cell of a `[H, R, K]` tensor, in every head. */
const everyHead = (
  { shape: [heads = 0, rows = 0, width = 0], data }: Snapshot,
  row: number,
  column: number,
) => Array.from({ length: heads }, (_, h) => data[(h * rows + row) * width + column]!)

const labels = (tokens: readonly Token[], length: number): Label[] =>
  Array.from({ length }, (_, position) => ({ token: tokens[position] ?? null, position }))

const pair = (trace: readonly Snapshot[], { weights, scores }: AttentionMap['sites']) => ({
  weights: traced(trace, weights),
  scores: traced(trace, scores),
})

/** Source × source: one pass, columns beyond the source are padding. */
export function encoderMap(encode: EncodeStep, layer: number, head: Head): AttentionMap {
  const sites = encoderAttention(layer)
  const { weights, scores } = pair(encode.trace, sites)
  const length = encode.source.length
  const width = weights.shape[2]!
  return {
    sites,
    axes: '[H, S, S]',
    shape: () => weights.shape,
    head,
    rows: labels(encode.source, length),
    columns: labels(encode.source, width),
    weights: rowsOf(weights, head, length),
    scores: head === 'mean' ? null : rowsOf(scores, head, length),
    kind: (_row: number, column: number): Kind => (column < length ? 'weight' : 'padding'),
    heads: (row: number, column: number) => everyHead(weights, row, column),
  }
}

/** Target × source: a row a step, named by the token that the step made. */
export function crossMap(
  encode: EncodeStep,
  steps: readonly DecodeStep[],
  layer: number,
  head: Head,
): AttentionMap {
  const sites = crossAttention(layer)
  const length = encode.source.length
  const first = steps[0] ? traced(steps[0].trace, sites.weights) : null
  const width = first?.shape[2] ?? length
  const map = {
    sites,
    axes: '[H, T, S]',
    shape: () => first?.shape ?? [],
    head,
    rows: steps.map(({ token, position }) => ({ token, position })),
    columns: labels(encode.source, width),
    weights: new Float32Array(steps.length * width),
    scores: head === 'mean' ? null : new Float32Array(steps.length * width),
    kind: (_row: number, column: number): Kind => (column < length ? 'weight' : 'padding'),
    heads: (row: number, column: number) =>
      everyHead(traced(steps[row]!.trace, sites.weights), 0, column),
  }
  for (const [row, step] of steps.entries()) {
    const { weights, scores } = pair(step.trace, sites)
    map.weights.set(rowOf(weights, head, 0), row * width)
    map.scores?.set(rowOf(scores, head, 0), row * width)
  }
  return map
}

/** One token that looks back: a row of a masked self-attention. */
export interface Query {
  token: Token
  position: number
  /** The step's tensors, and the row of theirs that is this query's. */
  trace: readonly Snapshot[]
  row: number
  /** For each slot of the ring the position that it held, or -1. */
  held: readonly number[]
}

/** All queries of a run up to those of `steps`: of the prompt, if it has one, and a step's each. */
export function queriesOf(
  { first, asked }: Pick<Run, 'first' | 'asked'>,
  steps: readonly (DecodeStep | WriteStep)[],
): Query[] {
  const ofPrompt = first?.phase === 'prompt' ? promptQueries(first, asked.wish.sinks) : []
  return [...ofPrompt, ...steps.map(stepQuery)]
}

/** A step's query is the token that went in. */
const stepQuery = ({ input, position, trace, ring }: DecodeStep | WriteStep): Query => ({
  token: input,
  position,
  trace,
  row: 0,
  held: ring.positions,
})

/** The queries of a prompt's pass, chunk by chunk; its last token is the first step's input. */
function promptQueries({ tokens, traces, capacity = 0 }: Reading, sinks: number): Query[] {
  return traces.flatMap(({ first, trace }) => {
    const rows = overSlots(trace)?.shape[1] ?? 0
    return Array.from({ length: rows }, (_, row) => ({
      token: tokens[first + row]!,
      position: first + row,
      trace,
      row,
      held: heldAt(first + row, capacity, sinks),
    }))
  })
}

/** Position × position: a row a query, its slots put back into the order of their positions. */
export function causalMap(queries: readonly Query[], layer: number, head: Head): AttentionMap {
  const sites = maskedAttention(layer)
  const size = queries.length
  /** 1 where a slot held the column's position when the row looked. */
  const there = new Uint8Array(size * size)
  const labelled = queries.map(({ token, position }) => ({ token, position }))
  const map = {
    sites,
    axes: '[H, T, C]',
    // Only slots in use are kept of the tensors: the last axis is as long as the ring all the same.
    shape: (row: number) => {
      const query = queries[row]!
      return [...traced(query.trace, sites.weights).shape.slice(0, 2), query.held.length]
    },
    head,
    rows: labelled,
    columns: labelled,
    weights: new Float32Array(size * size),
    scores: head === 'mean' ? null : new Float32Array(size * size),
    kind: (row: number, column: number): Kind => {
      if (there[row * size + column]) return 'weight'
      return column > row ? 'causal' : 'overwritten'
    },
    heads: (row: number, column: number) => {
      const query = queries[row]!
      const weights = traced(query.trace, sites.weights)
      return everyHead(weights, query.row, query.held.indexOf(column))
    },
  }
  for (const [row, query] of queries.entries()) {
    const { weights, scores } = pair(query.trace, sites)
    const weightOf = rowOf(weights, head, query.row)
    const scoreOf = rowOf(scores, head, query.row)
    for (const [slot, position] of query.held.entries()) {
      if (position < 0 || position > row) continue
      const cell = row * size + position
      there[cell] = 1
      map.weights[cell] = weightOf[slot]!
      if (map.scores) map.scores[cell] = scoreOf[slot]!
    }
  }
  return map
}

/** The column that a row looks at most. */
export function strongest(map: AttentionMap, row: number): number {
  const width = map.columns.length
  let best = 0
  for (let column = 1; column < width; column++) {
    if (map.weights[row * width + column]! > map.weights[row * width + best]!) best = column
  }
  return best
}

/** The row that holds the greatest weight of all. */
export function strongestRow(map: AttentionMap): number {
  let best = 0
  for (let cell = 1; cell < map.weights.length; cell++) {
    if (map.weights[cell]! > map.weights[best]!) best = cell
  }
  return Math.floor(best / map.columns.length)
}

/** The greatest score of a row and Σ exp(score − greatest): the operands of its softmax. */
export function softmaxOperands(map: AttentionMap, row: number): { max: number; sum: number } {
  const width = map.columns.length
  const scores: number[] = []
  for (let column = 0; column < width; column++) {
    if (map.kind(row, column) === 'weight') scores.push(map.scores![row * width + column]!)
  }
  const max = Math.max(...scores)
  return { max, sum: scores.reduce((sum, score) => sum + Math.exp(score - max), 0) }
}
