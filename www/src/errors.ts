// What went wrong and what to do, for every error code: the errors' part of the message table.
import type { ErrorCode } from 'glassformer'

type Advice = Record<ErrorCode, readonly [what: string, todo: string]>

const zh: Advice = {
  'no-webgpu': ['没有可用的 WebGPU。', '换用新版 Chrome、Edge 或 Safari，或者打开硬件加速。'],
  'device-lost': ['显卡设备中断了。', '点“再试一次”，重新载入模型。'],
  memory: ['内存不够。', '关掉别的标签页，或者用小一些的模型、短一些的文字，然后再试。'],
  download: ['模型文件没有下载完整。', '检查网络，然后再试一次。'],
  weights: ['模型权重文件有问题。', '文件可能损坏，或不是这种格式：换一个文件，或清除缓存后再试。'],
  config: ['模型配置不受支持。', '请换用 MarianMT、GPT-2 或 Llama 结构的模型。'],
  tokenizer: ['词表文件有问题。', '文件可能损坏：清除缓存后再试一次。'],
  input: ['这段文字不能用。', '请改一改，再按 Enter。'],
  trace: ['请求了不存在的张量。', '刷新页面；若再出现，请报告。'],
  busy: ['这个模型正在载入。', '等它载入完，或先取消，再删除。'],
  disposed: ['模型已经卸下。', '点“再试一次”，重新载入模型。'],
  internal: ['引擎内部出错。', '点“再试一次”；若再出现，请报告。'],
}

const en: Advice = {
  'no-webgpu': [
    'WebGPU is not available.',
    'Use a recent browser or turn on hardware acceleration.',
  ],
  'device-lost': ['The GPU device was lost.', 'Press “Try again” to load the model anew.'],
  memory: [
    'Memory ran out.',
    'Close other tabs, or take a smaller model or a shorter text, then try again.',
  ],
  download: ['The model’s files did not arrive in full.', 'Check the connection, then try again.'],
  weights: [
    'The file of weights is not sound.',
    'Take another file, or clear the browser’s cache, then try again.',
  ],
  config: [
    'This model’s configuration is not supported.',
    'Use a model of the MarianMT, GPT-2 or Llama kind.',
  ],
  tokenizer: ['The tokenizer file is not sound.', 'Clear the browser’s cache, then try again.'],
  input: ['This text cannot be used.', 'Change it and press Enter.'],
  trace: ['A tensor that does not exist was asked for.', 'Reload; if it comes again, report it.'],
  busy: ['This model is being loaded.', 'Wait for it or cancel it, then delete it.'],
  disposed: ['The model has been unloaded.', 'Press “Try again” to load the model anew.'],
  internal: ['The engine failed.', 'Press “Try again”; if it comes again, report it.'],
}

export const errors = { zh, en }
