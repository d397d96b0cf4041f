// Starts `dotvm dap` for a debug session, or goes to one that listens.
'use strict';

const vscode = require('vscode');

/** What is debugged where somebody presses F5 without any configuration. */
const thisFile = { type: 'dotvm', request: 'launch', name: 'DotVM: this file', program: '${file}', optLevel: 0 };

/** The kinds of files that are translated, for which an optimization level means something. */
const translated = /\.(rs|wasm|wat)$/;

function resolve(folder, config) {
  if (!config.type && !config.request && !config.name) {
    const editor = vscode.window.activeTextEditor;
    if (!editor || !['dasm', 'rust', 'vitte'].includes(editor.document.languageId)) {
      return undefined;
    }
    config = { ...thisFile };
    if (!translated.test(editor.document.fileName)) {
      delete config.optLevel;
    }
  }
  if (folder && config.cwd === undefined) {
    config.cwd = folder.uri.fsPath;
  }
  return config;
}

function adapter(session) {
  const { port, request } = session.configuration;
  // With `attach` it is the program's, to which the adapter goes.
  if (port !== undefined && request === 'launch') {
    return new vscode.DebugAdapterServer(port, '127.0.0.1');
  }
  const path = vscode.workspace.getConfiguration('dotvm').get('path', 'dotvm');
  return new vscode.DebugAdapterExecutable(path, ['dap']);
}

exports.activate = (context) => {
  context.subscriptions.push(
    vscode.debug.registerDebugConfigurationProvider('dotvm', { resolveDebugConfiguration: resolve }),
    vscode.debug.registerDebugAdapterDescriptorFactory('dotvm', { createDebugAdapterDescriptor: adapter }),
  );
};
