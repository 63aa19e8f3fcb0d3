// Every word the page says, in Chinese and in English: the one table.

import { errors } from './errors'
import { writing } from './messages_write'

export type Language = 'zh' | 'en'

const table = {
  // Header
  translate: { zh: '翻译', en: 'Translate' },
  otherLanguage: { zh: 'EN', en: '中文' },
  switchLanguage: { zh: 'Switch to English', en: '切换到中文' },
  switchTheme: { zh: '切换明暗', en: 'Switch between light and dark' },
  adapter: { zh: '计算设备', en: 'Computed by' },
  noAdapter: { zh: '尚未载入', en: 'not loaded yet' },
  software: { zh: '软件模拟', en: 'software' },
  fallback: {
    zh: (why: string) => `没有用 WebGPU，改由 CPU 执行器计算。原因：${why}`,
    en: (why: string) => `WebGPU is not used; the CPU executor computes instead. Reason: ${why}`,
  },

  // Source
  source: { zh: '原文', en: 'Source' },
  sourceHint: { zh: '输入中文，按 Enter 翻译', en: 'Type Chinese, press Enter to translate' },
  run: { zh: '翻译', en: 'Translate' },
  presets: { zh: '例句', en: 'Examples' },
  words: { zh: '逐词', en: 'Word by word' },
  sourceTokens: { zh: '原文词元', en: 'Source tokens' },
  target: { zh: '译文', en: 'Translation' },
  targetWaiting: {
    zh: '译文会一个词元一个词元地出现',
    en: 'The translation appears here, token by token',
  },
  cut: {
    zh: (text: string) => `原文超出模型能容纳的位置，末尾这一段没有翻译：${text}`,
    en: (text: string) =>
      `The source is longer than the model’s positions; this end was not translated: ${text}`,
  },

  // Timeline
  time: { zh: '时间', en: 'Time' },
  play: { zh: '播放', en: 'Play' },
  pause: { zh: '暂停', en: 'Pause' },
  back: { zh: '后退一步', en: 'Step back' },
  forward: { zh: '前进一步', en: 'Step forward' },
  first: { zh: '回到编码', en: 'Back to encode' },
  last: { zh: '直到末尾', en: 'On to the end' },
  encode: { zh: '编码', en: 'encode' },
  step: { zh: (n: number) => `第 ${n} 步`, en: (n: number) => `step ${n}` },
  keys: { zh: '←/→ 单步 · 空格 播放 · Home/End', en: '←/→ step · Space play · Home/End' },
  computing: { zh: '正在计算…', en: 'computing…' },
  live: { zh: '刚刚算出', en: 'just computed' },
  replay: {
    zh: '回看：取自保存的步骤，没有重新计算',
    en: 'replay: kept from before, nothing is computed',
  },
  finishedEnd: { zh: '译完：模型给出了句末词元', en: 'done: the model ended the sentence' },
  finishedLength: {
    zh: (n: number) => `停在 ${n} 个词元的上限`,
    en: (n: number) => `stopped at the limit of ${n} tokens`,
  },

  // Panels
  panels: { zh: '图', en: 'Charts' },
  cross: { zh: '交叉注意力', en: 'Cross-attention' },
  encoder: { zh: '编码器自注意力', en: 'Encoder self-attention' },
  decoder: { zh: '掩码自注意力', en: 'Masked self-attention' },
  ring: { zh: '键值缓存', en: 'K-V cache' },
  crossAbout: {
    zh: '解码器的每个新词元去看原文的每个词元。',
    en: 'Each new token of the decoder looks at every token of the source.',
  },
  encoderAbout: {
    zh: '原文的词元互相看，只算一次。填充的列被填充掩码挡住。',
    en: 'The source tokens look at each other, once. The padding mask closes columns of padding.',
  },
  decoderAbout: {
    zh: '译文的每个位置只能看自己和前面的位置：后面的被因果掩码挡住。',
    en: 'Each target position looks at itself and back: the causal mask closes what comes later.',
  },
  ringAbout: {
    zh: '已算过的键和值存在环形缓冲里：每步写一个槽位，读所有已写的槽位。图中是各步写入时的值。',
    en: 'Keys and values stay in a ring buffer: each step writes one slot and reads all written ones. Drawn is what was written.',
  },
  layer: { zh: '层', en: 'layer' },
  head: { zh: '头', en: 'head' },
  mean: { zh: '均值', en: 'mean' },
  meanOfHeads: { zh: '各头均值', en: 'mean of heads' },
  heads: { zh: '选择层和头', en: 'Choose a layer and a head' },
  queryAxis: { zh: '查询：谁在看', en: 'query: who looks' },
  keyAxis: { zh: '键：谁被看', en: 'key: who is looked at' },
  weightScale: { zh: '权重', en: 'weight' },
  causal: { zh: '因果掩码', en: 'causal mask' },
  padding: { zh: '填充掩码', en: 'padding mask' },
  overwritten: { zh: '已被覆盖', en: 'overwritten' },
  notYet: {
    zh: '编码时还没有译文词元。前进一步，这里就有第一行。',
    en: 'While encoding there is no target token yet. Step forward and the first row appears.',
  },
  seeEncoder: { zh: '先看编码器自注意力', en: 'See the encoder’s self-attention' },
  captionCross: {
    zh: (token: string, key: string, weight: string, place: string) =>
      `新词元「${token}」看得最多的是「${key}」：${weight}（${place}）。`,
    en: (token: string, key: string, weight: string, place: string) =>
      `The new token “${token}” looks most at “${key}”: ${weight} (${place}).`,
  },
  captionEncoder: {
    zh: (query: string, key: string, weight: string, place: string) =>
      `最强的一格：「${query}」看「${key}」：${weight}（${place}）。`,
    en: (query: string, key: string, weight: string, place: string) =>
      `The strongest cell: “${query}” looks at “${key}”: ${weight} (${place}).`,
  },
  captionDecoder: {
    zh: (position: number, token: string, key: string, weight: string, place: string) =>
      `位置 ${position}（输入「${token}」）看得最多的是「${key}」：${weight}（${place}）。`,
    en: (position: number, token: string, key: string, weight: string, place: string) =>
      `Position ${position} (input “${token}”) looks most at “${key}”: ${weight} (${place}).`,
  },
  captionRing: {
    zh: (step: number, position: number, slot: number, read: number, free: number) =>
      `第 ${step} 步把位置 ${position} 的键和值写进槽位 ${slot}，读 ${read} 个槽位，还空 ${free} 个。`,
    en: (step: number, position: number, slot: number, read: number, free: number) =>
      `Step ${step} writes position ${position} to slot ${slot} and reads ${read} slots; ${free} are free.`,
  },
  routing: {
    zh: '注意力是路由权重，不是解释。',
    en: 'Attention is a routing weight, not an explanation.',
  },

  // One cell
  cellHint: { zh: '指向、聚焦或轻触任意一格', en: 'Point at, focus or tap any cell' },
  candidatesFrom: { zh: '读自这一步的', en: 'read from the step’s' },
  candidatesMade: {
    zh: '：ln p。由此算出 p = exp(ln p)，其余 = 1 − Σ p。',
    en: ': ln p. From it: p = exp(ln p), others = 1 − Σ p.',
  },
  candidatesDrawn: {
    zh: '：ln p 和抽取概率。由此算出 p = exp(ln p)，其余 = 1 − Σ p。',
    en: ': ln p and the chance to be drawn. From ln p: p = exp(ln p), others = 1 − Σ p.',
  },
  whenWritten: {
    zh: (position: number) => `，位置 ${position} 写入时`,
    en: (position: number) => `when position ${position} was written`,
  },
  readFrom: { zh: '读自', en: 'read from' },
  cellCausal: {
    zh: '未来的位置：因果掩码禁止看，没有这个权重。',
    en: 'A later position: the causal mask forbids it; there is no such weight.',
  },
  cellPadding: {
    zh: '填充：不是原文，填充掩码禁止看，权重为 0。',
    en: 'Padding: no part of the source; the padding mask forbids it, the weight is 0.',
  },
  cellOverwritten: {
    zh: '这个位置的槽位已被后来的位置覆盖。',
    en: 'The slot of this position has been overwritten by a later one.',
  },
  meanFormula: { zh: '均值 = (1/H) Σ 各头权重', en: 'mean = (1/H) Σ weight of each head' },

  // Candidates
  next: { zh: '下一个词元', en: 'Next token' },
  candidate: { zh: '候选', en: 'candidate' },
  probability: { zh: '概率', en: 'probability' },
  rest: { zh: (n: string) => `其余 ${n} 个`, en: (n: string) => `${n} others` },
  encodeAbout: {
    zh: '编码器把整句原文读一遍，还不产生词元。它的结果供后面每一步查看。',
    en: 'The encoder reads the whole source once and makes no token yet. Later steps look at it.',
  },
  captionNext: {
    zh: (token: string, probability: string) =>
      `贪心解码选概率最高的「${token}」：${probability}。`,
    en: (token: string, probability: string) =>
      `Greedy decoding takes the most probable, “${token}”: ${probability}.`,
  },

  // Ring
  slot: { zh: '槽位', en: 'slot' },
  position: { zh: '位置', en: 'position' },
  token: { zh: '词元', en: 'token' },
  state: { zh: '状态', en: 'state' },
  written: { zh: '本步写入', en: 'written now' },
  read: { zh: '读取', en: 'read' },
  free: { zh: '空闲', en: 'free' },
  query: { zh: '查询', en: 'query' },
  key: { zh: '键', en: 'key' },
  value: { zh: '值', en: 'value' },
  capacity: { zh: (n: number) => `C = ${n} 个槽位`, en: (n: number) => `C = ${n} slots` },
  slotFormula: { zh: '槽位 = 位置 & (C − 1)', en: 'slot = position & (C − 1)' },

  // Tables
  table: { zh: '表格', en: 'Table' },
  copy: { zh: '复制', en: 'Copy' },
  copied: { zh: '已复制', en: 'Copied' },

  // Special tokens
  tokenBegin: { zh: '开头', en: 'beginning of text' },
  tokenEnd: { zh: '句末', en: 'end of sentence' },
  tokenPadding: { zh: '填充，也是解码的起点', en: 'padding, also the start of decoding' },
  tokenUnknown: { zh: '未知', en: 'unknown' },
  tokenEmpty: { zh: '没有文字：句首的空格', en: 'no text: a space at the very start' },
  tokenSpecial: { zh: '特殊词元', en: 'special token' },

  // Loading
  loadTitle: {
    zh: '一个真正的翻译模型，在你的设备上一步一步运行',
    en: 'A real translator, running step by step on your own device',
  },
  loadEncode: {
    zh: '编码：编码器把整句中文读一遍，每个词元互相看。',
    en: 'Encode: the encoder reads the whole Chinese sentence once; its tokens look at each other.',
  },
  loadDecode: {
    zh: '解码：每一步算出整个词表的概率，选出一个英文词元，写进键值缓存。',
    en: 'Decode: each step gives every token a probability, picks one and writes to the K-V cache.',
  },
  loadSee: {
    zh: '看见：每一步的候选、注意力和缓存都能前后翻看，数字都来自真实的计算。',
    en: 'See: walk through candidates, attention and cache; every number comes from the computation.',
  },
  loading: { zh: '正在载入模型', en: 'Loading the model' },
  cancel: { zh: '取消', en: 'Cancel' },
  cancelled: {
    zh: '已取消载入。输入的文字都还在。',
    en: 'Loading was cancelled. What you typed is kept.',
  },
  load: { zh: '载入模型', en: 'Load the model' },
  retry: { zh: '再试一次', en: 'Try again' },
  phases: {
    zh: {
      download: '下载',
      verify: '核对',
      compile: '编译内核',
      ready: '就绪',
    },
    en: {
      download: 'Download',
      verify: 'Verify',
      compile: 'Compile',
      ready: 'Ready',
    },
  },
  units: {
    zh: { compile: '条管线' },
    en: { compile: 'pipelines' },
  },
  ofTotal: {
    zh: (a: string, b: string) => `${a} / ${b}`,
    en: (a: string, b: string) => `${a} of ${b}`,
  },

  errors,
  ...writing,

  // Footer
  footer: {
    zh: '例句选自 hsk-sentences-audio 1.0.0（CC BY-SA 4.0），释义按句意缩短；第一句是我们写的。',
    en: 'Examples: hsk-sentences-audio 1.0.0 (CC BY-SA 4.0), glosses cut to fit; the first is ours.',
  },
  facts: {
    zh: (parameters: string, layers: string, heads: number, vocabulary: string) =>
      `${parameters} 参数 · ${layers} 层 · ${heads} 头 · 词表 ${vocabulary}`,
    en: (parameters: string, layers: string, heads: number, vocabulary: string) =>
      `${parameters} parameters · ${layers} layers · ${heads} heads · vocabulary ${vocabulary}`,
  },
}

type Table = typeof table
/** The words of one language. */
export type Words = { [Key in keyof Table]: Table[Key]['zh'] }

function pick(language: Language): Words {
  const entries = Object.entries(table).map(([key, row]) => [key, row[language]])
  return Object.fromEntries(entries) as Words
}

export const words: Record<Language, Words> = { zh: pick('zh'), en: pick('en') }
