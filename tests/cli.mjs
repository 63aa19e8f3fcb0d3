// `./build.sh translate` and `generate` as a user calls them, in Chrome and natively.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { ROOT, SENTENCE, TRANSLATION } from './support/project.mjs'

const run = (args, input = '', command = 'translate') => {
  const { status, stdout, stderr } = spawnSync('./build.sh', [command, ...args], {
    cwd: ROOT,
    input,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}
const INPUT = `${SENTENCE}\n\n谢谢\n他昨天去了北京，今天又回来了。\n`

for (const device of [[], ['--native']]) {
  const where = device.length > 0 ? 'natively' : 'in Chrome'

  test(`${where}, --plain prints the translation and nothing else`, () => {
    const { status, stdout, stderr } = run([...device, '--plain', SENTENCE])
    assert.equal(status, 0, stderr)
    assert.equal(stdout, `${TRANSLATION}\n`)
  })

  test(`${where}, the table has a row a token and ends with the translation`, () => {
    const { status, stdout, stderr } = run([...device, SENTENCE])
    assert.equal(status, 0, stderr)
    const lines = stdout.trimEnd().split('\n')
    assert.match(lines[0], /^step {2,}token {2,}probability {2,}attends/)
    assert.equal(lines.at(-1), `→ ${TRANSLATION}`)
    for (const [index, line] of lines.slice(1, -1).entries()) {
      const [step, , probability, attends] = line.split(/ {2,}/)
      assert.equal(Number(step), index + 1)
      assert.ok(Number(probability) > 0 && Number(probability) <= 1, line)
      assert.ok(attends.trim(), line)
    }
  })

  test(`${where}, bad usage ends with 2 and an error with 1`, () => {
    assert.equal(run([...device, '--bogus', SENTENCE]).status, 2)
    assert.equal(run(device).status, 2)
    const empty = run([...device, ' '])
    assert.equal(empty.status, 1)
    assert.equal(empty.stdout, '')
    assert.match(empty.stderr, /text/)
  })
}

test('both give the same lines for sentences from standard input, blank ones included', () => {
  const chrome = run(['--plain', '-'], INPUT)
  const native = run(['--native', '--plain', '-'], INPUT)
  assert.equal(chrome.status, 0, chrome.stderr)
  assert.equal(native.stdout, chrome.stdout)
  const lines = chrome.stdout.split('\n')
  assert.deepEqual([lines[0], lines[1], lines.length], [TRANSLATION, '', 5])
})

test('both give the same ids, of weights kept as they are and rounded', () => {
  for (const storage of ['f32', 'int8']) {
    const asked = ['--ids', '--storage', storage, '--model', 'models/zh-en', '-']
    const [chrome, native] = [run(asked, INPUT), run(['--native', ...asked], INPUT)]
    assert.equal(chrome.status, 0, chrome.stderr)
    assert.match(chrome.stdout, /^(\d+ )+0\n\n(\d+ )+0\n(\d+ )+0\n$/)
    assert.equal(native.stdout, chrome.stdout)
  }
  assert.equal(run(['--model', 'nowhere', SENTENCE]).status, 2)
})

test('both give the same tables, also for bytes and spaces', () => {
  for (const text of [SENTENCE, 'a🍎b', '他昨天去了北京，今天又回来了。']) {
    const [chrome, native] = [run([text]), run(['--native', text])]
    assert.equal(chrome.status, 0, chrome.stderr)
    // The last digit may be rounded the other way: the two adapters add in different orders.
    const probability = /\d\.\d{4}/g
    assert.equal(native.stdout.replace(probability, ''), chrome.stdout.replace(probability, ''))
    const expected = chrome.stdout.match(probability).map(Number)
    for (const [index, found] of native.stdout.match(probability).map(Number).entries())
      assert.ok(Math.abs(found - expected[index]) < 1e-3, `${found}, not ${expected[index]}`)
  }
})

const generate = (...args) => run(args, '', 'generate')

test('generate: both print the same text for a seed, and the same tokens in their tables', () => {
  const drawn = ['--tokens', '24', '--temperature', '0.9', '--seed', '7', '床前明月光，']
  const chrome = generate('--plain', ...drawn)
  assert.equal(chrome.status, 0, chrome.stderr)
  assert.match(chrome.stdout, /^床前明月光，./)
  assert.equal(generate('--native', '--plain', ...drawn).stdout, chrome.stdout)
  const greedy = ['--greedy', '--tokens', '8', '床前明月光，']
  const tables = [generate(...greedy), generate('--native', ...greedy)]
  const [shown, native] = tables.map(({ stdout }) => stdout.replace(/\d\.\d{4}/g, ''))
  assert.equal(native, shown)
  assert.equal(shown.split('→')[0].trimEnd().split('\n').length, 1 + 8, 'a row a token')
})

test('generate: bad usage ends with 2 and an error with 1', () => {
  for (const device of [[], ['--native']]) {
    assert.equal(generate(...device, '--bogus', 'x').status, 2)
    assert.equal(generate(...device).status, 2)
    const long = generate(...device, '--plain', '月'.repeat(500))
    assert.equal(long.status, 1, long.stderr)
    assert.equal(long.stdout, '')
  }
})
