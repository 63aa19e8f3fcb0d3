// The figures of a run as Markdown: what the README shows.

/** Prints every table that there are figures for. */
export function print({ machine, ceilings, marian, smollm2, gpt2, poems, code }) {
  console.log(`${machine.adapter} in Chrome ${machine.browser}, ${machine.cores} × ${machine.cpu}`)
  console.log(`Ceilings: ${ceilings.gigaflops.toFixed(1)} GFLOP/s (vec4 multiply-add), ` +
    `${ceilings.gigabytes.toFixed(1)} GB/s (streaming read), ` +
    `${ceilings.dispatchMicroseconds.toFixed(0)} µs an empty dispatch of 4 workgroups`)
  if (marian) printMarian(marian, ceilings)
  if (smollm2) printSmolLM2(smollm2, ceilings)
  if (gpt2) printGpt2(gpt2, ceilings)
  if (poems) printFacts('Poems (models/tang-poems)', poems, ceilings)
  table(['Code of the package', 'bytes, gzipped'], [['wasm', code.wasm], ['JavaScript', code.javascript]])
}

function printMarian(runs, ceilings) {
  const [int8] = runs
  const ratio = (value) => (value / int8.tokensPerSecond).toFixed(2)
  const allocated = int8.allocatedBytes / int8.weightBytes
  table(['Translating', 'figure', 'ratio'], [
    ...runs.flatMap((run) => [
      [`${run.storage}: tokens/s, alone`, run.tokensPerSecond.toFixed(0), ratio(run.tokensPerSecond)],
      [`${run.storage}: tokens/s, batch of 8`, run.batchTokensPerSecond.toFixed(0), ratio(run.batchTokensPerSecond)],
    ]),
    ['load to first token, ms', int8.firstTokenMilliseconds.toFixed(0), ''],
    ['of which load, ms', int8.loadMilliseconds.toFixed(0), ''],
    ['dispatches a token', int8.dispatchesPerToken, ''],
    ['host µs a token', int8.hostMicrosecondsPerToken.toFixed(1), ''],
    ['bytes allocated, and per weight byte', int8.allocatedBytes, allocated.toFixed(2)],
  ])
  for (const [batch, kernels] of Object.entries(int8.kernels))
    printKernels(`Kernels of a step, batch of ${batch}, int8`, kernels, ceilings)
}

function printSmolLM2({ ours, peer, early, late }, ceilings) {
  const row = (name, { prefill, decode }, on) => [
    name, on, decode.toFixed(1), (decode / peer.decode).toFixed(2),
    prefill.toFixed(1), (prefill / peer.prefill).toFixed(2),
  ]
  table(['SmolLM2-135M, Q4_1', 'runs on', 'decode, tokens/s', 'ratio', 'prefill, tokens/s', 'ratio'], [
    row('Glassformer', ours, ours.adapter.name),
    row('wllama 3.8.1', peer, peer.on),
  ])
  printFacts('SmolLM2-135M, Q4_1', ours, ceilings)
  const share = (at) => `${at.milliseconds.toFixed(1)} ms, attention ${at.attentionMilliseconds.toFixed(1)} ms`
  const others = (at) => at.milliseconds - at.attentionMilliseconds
  table(['A step of SmolLM2', 'time'], [
    [`at token ${early.position}`, share(early)],
    [`at token ${late.position}`, share(late)],
    ['growth beside attention', `${(100 * (others(late) / others(early) - 1)).toFixed(0)} %`],
  ])
  printKernels('Kernels of a step, SmolLM2', ours.kernels, ceilings)
}

function printGpt2({ ours, peers }, ceilings) {
  table(['GPT-2 124M, random weights', 'runs on', 'decode, tokens/s', 'ratio'], [
    ['Glassformer, int8', ours.adapter.name, ours.decode.toFixed(2), '1.00'],
    ...peers.map(({ device, dtype, decode, failure }) => [
      `transformers.js 4.3.1, ${dtype}`, device,
      decode?.toFixed(2) ?? failure, decode ? (decode / ours.decode).toFixed(3) : '',
    ]),
  ])
  printFacts('GPT-2 124M, int8', ours, ceilings)
  printKernels('Kernels of a step, GPT-2 124M, int8', ours.kernels, ceilings)
}

/** What one token costs beside what the adapter could do at best. */
function printFacts(title, ours, ceilings) {
  const { decode, prefill, facts, operations, bytesRead, allocatedBytes, cacheBytes } = ours
  const byOperations = (ceilings.gigaflops * 1e9) / operations
  const byBytes = (ceilings.gigabytes * 1e9) / bytesRead
  const [ceiling, which] = byOperations < byBytes
    ? [byOperations, 'multiply-adds'] : [byBytes, 'reading the weights']
  table([title, 'figure'], [
    ['decode, tokens/s', decode.toFixed(1)],
    ['prefill, tokens/s', prefill.toFixed(1)],
    [`ceiling of decoding (${which}), tokens/s`, `${ceiling.toFixed(1)}, reached ${(100 * decode / ceiling).toFixed(0)} %`],
    ['load to first token, ms', ours.firstTokenMilliseconds.toFixed(0)],
    ['dispatches a token', `${ours.dispatches}: ${ours.dispatchesPerLayer} a layer`],
    ['bytes of weights and of cache', `${facts.weightBytes} + ${cacheBytes}`],
    ['bytes allocated, per byte of both', `${allocatedBytes}, ${(allocatedBytes / (facts.weightBytes + cacheBytes)).toFixed(2)}`],
  ])
}

function printKernels(title, kernels, ceilings) {
  const total = kernels.reduce((sum, kernel) => sum + kernel.microseconds, 0)
  table([title, 'runs', 'µs each', 'share', 'GFLOP/s', 'of ceiling', 'GB/s of weights'],
    kernels.map((kernel) => {
      const each = kernel.microseconds / kernel.count
      const rate = kernel.operations / each / 1e3
      return [
        kernel.label, kernel.count, each.toFixed(0),
        `${(100 * kernel.microseconds / total).toFixed(0)} %`,
        rate ? rate.toFixed(2) : '', rate ? `${(100 * rate / ceilings.gigaflops).toFixed(0)} %` : '',
        kernel.weightBytes ? (kernel.weightBytes / each / 1e3).toFixed(2) : '',
      ]
    }))
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  console.log(['', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n'))
}
