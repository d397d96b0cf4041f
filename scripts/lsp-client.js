// What scripts/lsp-client does: a session of an editor with `vitte lsp`.
'use strict';

const assert = require('assert');
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const protocol = require('vscode-languageserver-protocol/node');

const [vitte, folder] = process.argv.slice(2);
const shapes = `struct Circle {
    radius: float
    fn area(self) -> float { return self.radius * 3.0 }
}
`;
const main = `from shapes import Circle
let c = Circle { radius: 2 }
fn double(it: Circle) -> float {
    return it.area() * 2
}
print(double(c))
`;
const uri = name => pathToFileURL(path.join(folder, name)).href;

/** Where a text first is in a document, and how far behind its start. */
function at(document, text, behind = 0) {
  const offset = document.indexOf(text) + behind;
  assert(offset >= behind, text);
  const before = document.slice(0, offset).split('\n');
  return { line: before.length - 1, character: before[before.length - 1].length };
}

async function session() {
  fs.writeFileSync(path.join(folder, 'shapes.vit'), shapes);
  fs.writeFileSync(path.join(folder, 'main.vit'), main);
  const server = spawn(vitte, ['lsp'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise(resolve => server.on('exit', resolve));
  const connection = protocol.createProtocolConnection(
    new protocol.StreamMessageReader(server.stdout), new protocol.StreamMessageWriter(server.stdin));
  const waiting = [];
  connection.onNotification(protocol.PublishDiagnosticsNotification.type, params => {
    const next = waiting.findIndex(it => it.uri === params.uri);
    if (next >= 0) waiting.splice(next, 1)[0].resolve(params.diagnostics);
  });
  const diagnostics = name => new Promise(resolve => waiting.push({ uri: uri(name), resolve }));
  connection.listen();

  const { capabilities } = await connection.sendRequest(protocol.InitializeRequest.type, {
    processId: process.pid, rootUri: pathToFileURL(folder).href, capabilities: {},
  });
  for (const what of ['hoverProvider', 'definitionProvider', 'completionProvider', 'renameProvider',
    'referencesProvider', 'documentFormattingProvider', 'documentSymbolProvider']) {
    assert(capabilities[what], what);
  }
  connection.sendNotification(protocol.InitializedNotification.type, {});

  // A document with errors, which go when it is mended.
  const found = diagnostics('main.vit');
  const wrong = main.replace('print(double(c))', 'print(doubel(c))\nlet n: int = "x"');
  connection.sendNotification(protocol.DidOpenTextDocumentNotification.type, {
    textDocument: { uri: uri('main.vit'), languageId: 'vitte', version: 1, text: wrong },
  });
  const errors = await found;
  assert.strictEqual(errors.length, 2);
  assert.match(errors[0].message, /doubel/);
  assert.match(errors[0].message, /double/);
  assert.deepStrictEqual(errors[0].range.start, at(wrong, 'doubel'));
  assert(errors.every(error => /^E0\d+$/.test(error.code) && error.severity === 1));
  const mended = diagnostics('main.vit');
  connection.sendNotification(protocol.DidChangeTextDocumentNotification.type, {
    textDocument: { uri: uri('main.vit'), version: 2 }, contentChanges: [{ text: main }],
  });
  assert.deepStrictEqual(await mended, []);
  console.log('ok  errors, with codes and hints, come and go');

  const document = { textDocument: { uri: uri('main.vit') } };
  const hover = await connection.sendRequest(protocol.HoverRequest.type,
    { ...document, position: at(main, 'double(c)') });
  assert.match(hover.contents.value, /fn double\(it: .*Circle\) -> float/);
  const method = await connection.sendRequest(protocol.DefinitionRequest.type,
    { ...document, position: at(main, 'area()') });
  assert.strictEqual(method.uri, uri('shapes.vit'));
  assert.deepStrictEqual(method.range.start, at(shapes, 'area'));
  console.log('ok  types and definitions, in other files as well');

  const completion = await connection.sendRequest(protocol.CompletionRequest.type,
    { ...document, position: at(main, 'it.area', 3) });
  const labels = (completion.items ?? completion).map(item => item.label);
  assert(labels.includes('area') && labels.includes('radius'), labels.join());
  const references = await connection.sendRequest(protocol.ReferencesRequest.type,
    { ...document, position: at(main, 'double'), context: { includeDeclaration: true } });
  assert.strictEqual(references.length, 2);
  const rename = await connection.sendRequest(protocol.RenameRequest.type,
    { ...document, position: at(main, 'double'), newName: 'twice' });
  assert.strictEqual(Object.values(rename.changes).flat().length, 2);
  console.log('ok  completion, uses, renaming');

  const symbols = await connection.sendRequest(protocol.DocumentSymbolRequest.type, document);
  assert.deepStrictEqual(symbols.map(symbol => symbol.name), ['c', 'double']);
  const ugly = main.replace('    return', 'return');
  connection.sendNotification(protocol.DidChangeTextDocumentNotification.type, {
    textDocument: { uri: uri('main.vit'), version: 3 },
    contentChanges: [{ range: { start: at(main, '    return'), end: at(main, 'return') }, text: '' }],
  });
  const edits = await connection.sendRequest(protocol.DocumentFormattingRequest.type,
    { ...document, options: { tabSize: 4, insertSpaces: true } });
  assert(edits.length > 0 && ugly !== main);
  console.log('ok  outline and layout');

  await connection.sendRequest(protocol.ShutdownRequest.type);
  connection.sendNotification(protocol.ExitNotification.type);
  assert.strictEqual(await ended, 0);
  console.log('ok  it ends when it is told to');
}

const limit = setTimeout(() => { console.error('there is no answer'); process.exit(1); }, 30000);
session().then(() => clearTimeout(limit), error => { console.error(error); process.exit(1); });
