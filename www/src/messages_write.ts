// The words of the writing tab: a part of the message table.

export const writing = {
  // Model
  model: { zh: '模型', en: 'Model' },
  modelCard: { zh: '模型卡', en: 'model card' },
  close: { zh: '关闭', en: 'Close' },
  shippedPoems: { zh: '唐诗小模型', en: 'Tang poems, a small model' },
  otherModel: { zh: '换一个模型', en: 'Another model' },
  otherAbout: {
    zh: '打开 GGUF 文件（如 SmolLM2）：填网址、选文件，或拖到这一页。只在浏览器里读，不上传。',
    en: 'Open a GGUF file (SmolLM2, say): by address, from disk, or dropped here. Nothing is uploaded.',
  },
  otherResume: {
    zh: '下载中断后再打开，会从断点继续；下载完整的文件留在浏览器里。',
    en: 'A download that broke off goes on where it was; a complete one stays in the browser.',
  },
  keptModels: { zh: '浏览器里的模型', en: 'Models in this browser' },
  keptPart: { zh: '还没下载完', en: 'not complete yet' },
  deleteKept: { zh: '删除', en: 'Delete' },
  address: { zh: '网址', en: 'Address' },
  openAddress: { zh: '打开', en: 'Open' },
  chooseFile: { zh: '选择文件…', en: 'Choose a file…' },
  useShipped: { zh: '用回唐诗小模型', en: 'Back to the Tang poems' },
  dropHere: { zh: '松手，打开这个文件', en: 'Let go to open this file' },
  fileGone: {
    zh: (name: string) => `这里用的是本机的文件“${name}”，网页不能自己再读它：请再选一次。`,
    en: (name: string) =>
      `“${name}” was read from your disk; a page cannot do that by itself: choose it again.`,
  },
  fromCache: { zh: '取自浏览器的缓存', en: 'from the browser’s cache' },
  fromFile: { zh: '读自本机', en: 'from your disk' },
  writerFacts: {
    zh: (family: string, parameters: string, layers: number, heads: string, vocabulary: string) =>
      `${family} · ${parameters} 参数 · ${layers} 层 · ${heads} · 词表 ${vocabulary}`,
    en: (family: string, parameters: string, layers: number, heads: string, vocabulary: string) =>
      `${family} · ${parameters} parameters · ${layers} layers · ${heads} · ${vocabulary} tokens`,
  },
  headCount: { zh: (n: number) => `${n} 头`, en: (n: number) => `${n} heads` },
  groupCount: {
    zh: (heads: number, groups: number) => `${heads} 头共用 ${groups} 组键值`,
    en: (heads: number, groups: number) => `${heads} heads share ${groups} key-value heads`,
  },

  // Loading
  writeTitle: {
    zh: '一个会写的模型，在你的设备上一个词元一个词元地写',
    en: 'A model that writes, token by token, on your own device',
  },
  writeRead: {
    zh: '读：提示的词元一起算一遍，键和值写进环形缓冲。',
    en: 'Read: the tokens of the prompt are computed together; keys and values go to the ring.',
  },
  writeChoose: {
    zh: '选：每一步算出整个词表的概率，由温度、top-k、top-p 决定怎样抽。',
    en: 'Choose: each step gives every token a probability; the levers say how one is drawn.',
  },
  writeBranch: {
    zh: '改：任何一步都能回看，换一组旋钮，从那里另写一支。',
    en: 'Change: go back to any step, move the levers, and write another branch from there.',
  },

  // Prompt
  prompt: { zh: '提示', en: 'Prompt' },
  promptHint: { zh: '写一个题目或第一句，按 Enter', en: 'A title or a first line, then Enter' },
  messageHint: { zh: '写一句话给模型，按 Enter', en: 'Say something to the model, then Enter' },
  plainHint: { zh: '写一个开头，按 Enter', en: 'Write a beginning, then Enter' },
  write: { zh: '写作', en: 'Write' },
  promptTokens: { zh: '提示词元', en: 'Prompt tokens' },
  text: { zh: '正文', en: 'Text' },
  textWaiting: { zh: '正文会一个词元一个词元地出现', en: 'The text appears here, token by token' },
  readPrompt: { zh: '读提示', en: 'prompt' },
  firstPrompt: { zh: '回到提示', en: 'Back to the prompt' },
  endedWriting: { zh: '写完：模型给出了结束词元', en: 'done: the model ended its text' },
  goOn: { zh: '接着写', en: 'Write on' },
  you: { zh: '你', en: 'You' },
  newChat: { zh: '新的对话', en: 'New chat' },
  chat: { zh: '对话', en: 'Chat' },

  // Branches
  branches: { zh: '分支', en: 'Branches' },
  branchAt: {
    zh: (n: number) => `从第 ${n} 步`,
    en: (n: number) => `from step ${n}`,
  },

  // Panels
  writeAbout: {
    zh: '每个位置只能看自己和前面的位置，提示和正文都一样：后面的被因果掩码挡住。',
    en: 'Each position of prompt or text looks at itself and back; the causal mask closes the rest.',
  },
  notRead: { zh: '提示还没有读完。', en: 'The prompt has not been read yet.' },
  onlyToken: {
    zh: '提示只有一个词元，它是第一步的输入。前进一步，这里就有第一行。',
    en: 'The prompt is one token, the first step’s input: step forward to see the first row.',
  },
  ringWaits: {
    zh: '第一步把提示的最后一个词元写进环里。前进一步就能看到。',
    en: 'The first step writes the prompt’s last token to the ring. Step forward to see it.',
  },
  keyValueHead: { zh: '键值头', en: 'K-V head' },
  groups: {
    zh: (heads: number, groups: number, span: number) =>
      `${heads} 个查询头分成 ${groups} 组，每组 ${span} 个共用一个键头和一个值头。`,
    en: (heads: number, groups: number, span: number) =>
      `${heads} query heads in ${groups} groups: ${span} share one key head and one value head.`,
  },
  ringSize: { zh: '环的槽位', en: 'slots of the ring' },
  ringAuto: { zh: '自动：放得下全部', en: 'automatic: room for all' },
  sinks: { zh: '注意力汇', en: 'attention sinks' },
  sink: { zh: '汇，不覆盖', en: 'sink, kept' },
  sinkFormula: {
    zh: (s: number) => `槽位 = ${s} + (位置 − ${s}) mod (C − ${s})`,
    en: (s: number) => `slot = ${s} + (position − ${s}) mod (C − ${s})`,
  },
  captionReplaced: {
    zh: (position: number, token: string) => `它盖掉了位置 ${position}「${token}」。`,
    en: (position: number, token: string) =>
      `It takes the place of position ${position}, “${token}”.`,
  },

  // Levers
  promptAbout: {
    zh: '提示先整个读一遍，还不写词元。第一步从它的最后一个词元开始。',
    en: 'The prompt is read first, nothing is written yet. Step 1 starts from its last token.',
  },
  ofModel: { zh: '模型的概率', en: 'model' },
  drawn: { zh: '抽取', en: 'drawn' },
  cutAway: { zh: '被截掉', en: 'cut' },
  captionDrawn: {
    zh: (token: string, model: string, drawn: string) =>
      `抽到「${token}」：模型给 ${model}，旋钮之后 ${drawn}。`,
    en: (token: string, model: string, drawn: string) =>
      `Drawn: “${token}”. The model gives it ${model}, the levers make it ${drawn}.`,
  },
  captionFar: {
    zh: (token: string, listed: number) => `抽到「${token}」，它不在前 ${listed} 个候选里。`,
    en: (token: string, listed: number) =>
      `Drawn: “${token}”, which is not among the best ${listed}.`,
  },
  levers: { zh: '怎样抽', en: 'How to draw' },
  temperature: { zh: '温度', en: 'temperature' },
  penalty: { zh: '重复惩罚', en: 'repeat penalty' },
  seed: { zh: '种子', en: 'seed' },
  greedy: { zh: '贪心', en: 'greedy' },
  off: { zh: '不用', en: 'off' },
  leversWritten: {
    zh: '这一步就是用这组旋钮写的。改动只重新挑选这一步，模型不再运行。',
    en: 'Written with these levers. Moving one chooses anew; the model does not run.',
  },
  leversSame: {
    zh: '设备从保存的对数几率重新挑选：还是同一个词元。模型没有再运行。',
    en: 'Chosen again from kept logits: the same token. The model did not run.',
  },
  leversOther: {
    zh: (old: string, now: string) =>
      `设备从保存的对数几率重新挑选：写下的是「${old}」，这组旋钮抽到「${now}」。模型没有再运行。`,
    en: (old: string, now: string) =>
      `Chosen again from kept logits: “${old}” was written, now “${now}”. The model did not run.`,
  },
  branchHere: { zh: '从这里另写', en: 'Write on from here' },
  restore: { zh: '恢复旋钮', en: 'Restore' },
}
