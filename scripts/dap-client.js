// What scripts/dap-client does: each check is a session of its own.
'use strict';

const assert = require('assert');
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const { DebugClient } = require('@vscode/debugadapter-testsupport');

const dotvm = process.argv[2];
const orders = path.join(__dirname, 'orders.rs');
const square = path.join(__dirname, 'square.dasm');
fs.writeFileSync(square, `.memory 1
.global $calls mut i32 = 0
.export "run" func $run
.export "calls" global $calls
.func $square (i32 $n) -> i32
    global.get $calls
    i32.push 1
    i32.add
    global.set $calls
    local.get $n
    local.get $n
    i32.mul
    ret
.end
.func $run (i32 $n) -> i32
    .local i32 $sum
again:
    loop
    local.get $n
    call $square
    local.get $sum
    i32.add
    local.set $sum
    local.get $n
    i32.push 1
    i32.sub
    local.tee $n
    jnz again
    local.get $sum
    local.get $n
    i32.div
    ret
.end
`);
const run = { program: square, invoke: 'run', args: ['3'] };

/** The innermost frame. */
async function top(client) {
  const { body } = await client.stackTraceRequest({ threadId: 1 });
  return body.stackFrames[0];
}

/** Goes on by one request; returns why the program stops. */
async function go(client, request, args) {
  const [event] = await Promise.all([
    client.waitForEvent('stopped'),
    client.send(request, { threadId: 1, ...args }),
  ]);
  return event.body.reason;
}

const checks = {
  async 'the client that knows nothing is told what there is'(client) {
    const { body } = await client.initializeRequest();
    for (const what of ['Function', 'Conditional', 'Data', 'Instruction']) {
      assert.strictEqual(body[`supports${what}Breakpoints`], true, what);
    }
    await assert.rejects(client.send('nonsense', {}), /nonsense/);
    await assert.rejects(client.launchRequest({ program: 'missing.rs' }), /missing\.rs/);
  },

  async 'a program runs to its end'(client) {
    const args = { program: orders, optLevel: 0 };
    await Promise.all([
      client.configurationSequence(),
      client.launch(args),
      client.assertOutput('stdout', '347566173139205887731596'),
      client.waitForEvent('terminated'),
    ]);
  },

  async 'a line of Rust, variables, a condition'(client) {
    const line = 27;
    await client.hitBreakpoint({ program: orders, optLevel: 0 }, { path: orders, line });
    const frame = await top(client);
    assert.match(frame.name, /total$/);
    const { body: { scopes } } = await client.scopesRequest({ frameId: frame.id });
    const { variablesReference } = scopes.find((scope) => scope.presentationHint === 'locals');
    const { body: { variables } } = await client.variablesRequest({ variablesReference });
    const names = variables.map((variable) => variable.name);
    assert.ok(names.includes('sum') && names.includes('price'), names.join());
    await client.setBreakpointsRequest({
      source: { path: orders }, breakpoints: [{ line, condition: 'count == 20' }],
    });
    assert.strictEqual(await go(client, 'continue'), 'breakpoint');
    const { id: frameId } = await top(client);
    const { body } = await client.evaluateRequest({ expression: 'order.quantities[0]', frameId });
    assert.strictEqual(body.result, '14');
  },

  async 'steps, data, instructions, memory, a trap, and once more'(client) {
    await client.hitBreakpoint(run, { path: square, line: 19 });
    assert.strictEqual(await go(client, 'next'), 'step');
    assert.strictEqual((await top(client)).line, 20);
    assert.strictEqual(await go(client, 'stepIn'), 'step');
    assert.strictEqual((await top(client)).name, 'square');
    assert.strictEqual(await go(client, 'stepOut'), 'step');
    assert.strictEqual((await top(client)).name, 'run');
    const before = await top(client);
    assert.strictEqual(await go(client, 'next', { granularity: 'instruction' }), 'step');
    assert.notStrictEqual((await top(client)).instructionPointerReference, before.instructionPointerReference);
    const info = await client.send('dataBreakpointInfo', { name: 'calls' });
    await client.send('setDataBreakpoints', { breakpoints: [{ dataId: info.body.dataId }] });
    await client.setBreakpointsRequest({ source: { path: square }, breakpoints: [] });
    assert.strictEqual(await go(client, 'continue'), 'data breakpoint');
    await client.send('setDataBreakpoints', { breakpoints: [] });
    const { instructionPointerReference: memoryReference } = await top(client);
    const { body: { instructions } } = await client.send('disassemble', {
      memoryReference, instructionOffset: -3, instructionCount: 7,
    });
    assert.strictEqual(instructions.length, 7);
    assert.strictEqual(instructions[3].address, memoryReference);
    const breakpoints = [{ instructionReference: instructions[5].address }];
    await client.send('setInstructionBreakpoints', { breakpoints });
    assert.strictEqual(await go(client, 'continue'), 'instruction breakpoint');
    await client.send('setInstructionBreakpoints', { breakpoints: [] });
    await client.send('writeMemory', { memoryReference: '0x10', data: 'AQIDBA==' });
    const { body: { data } } = await client.send('readMemory', { memoryReference: '0x0f', count: 6 });
    assert.deepStrictEqual([...Buffer.from(data, 'base64')], [0, 1, 2, 3, 4, 0]);
    assert.strictEqual(await go(client, 'continue'), 'exception');
    const { body } = await client.send('exceptionInfo', { threadId: 1 });
    assert.match(body.description, /divi/);
    await client.setBreakpointsRequest({ source: { path: square }, breakpoints: [{ line: 29 }] });
    const [event] = await Promise.all([client.waitForEvent('stopped'), client.send('restart', {})]);
    assert.strictEqual(event.body.reason, 'breakpoint');
    const { id: frameId } = await top(client);
    const set = await client.send('evaluate', { expression: 'n = 2', context: 'repl', frameId });
    assert.strictEqual(set.body.result, '2');
    await Promise.all([
      client.waitForEvent('exited').then((exited) => assert.strictEqual(exited.body.exitCode, 0)),
      client.assertOutput('stdout', '7'),
      client.send('continue', { threadId: 1 }),
    ]);
  },

  async 'coming to a program that runs, and leaving it'(client) {
    // A loop that ends where somebody changes `stop`.
    const hot = path.join(__dirname, 'hot.dasm');
    fs.writeFileSync(hot, `.export "run" func $run
.func $run () -> i32
    .local i32 $stop
again:
    loop
    local.get $stop
    i32.eqz
    jnz again
    local.get $stop
    ret
.end
`);
    const program = spawn(dotvm, ['run', '--debug-listen', '0', '--invoke', 'run', hot]);
    let [printed, said] = ['', ''];
    program.stdout.on('data', (data) => { printed += data; });
    const ended = new Promise((resolve) => { program.on('close', resolve); });
    const port = await new Promise((resolve) => {
      program.stderr.on('data', (data) => {
        said += data;
        const match = /listening for debuggers on \S+:(\d+)\n/.exec(said);
        if (match) {
          resolve(Number(match[1]));
        }
      });
    });
    await client.initializeRequest();
    await Promise.all([client.waitForEvent('initialized'), client.attachRequest({ port })]);
    await client.configurationDoneRequest();
    const [stopped] = await Promise.all([
      client.waitForEvent('stopped'),
      client.setBreakpointsRequest({ source: { path: hot }, breakpoints: [{ line: 6 }] }),
    ]);
    assert.strictEqual(stopped.body.reason, 'breakpoint');
    const { id: frameId } = await top(client);
    const set = await client.send('evaluate', { expression: 'stop = 42', context: 'repl', frameId });
    assert.strictEqual(set.body.result, '42');
    await client.disconnectRequest({});
    assert.strictEqual(await ended, 0);
    assert.strictEqual(printed, '42\n');
  },
};

(async () => {
  for (const [name, check] of Object.entries(checks)) {
    const client = new DebugClient(dotvm, 'dap', 'dotvm', undefined, true);
    client.defaultTimeout = 120000;
    await client.start();
    await check(client);
    await client.stop();
    console.log(`ok  ${name}`);
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
