// Drives Chromium by its DevTools protocol, over a pipe: see scripts/explorer-shots.
"use strict";
const { spawn } = require("node:child_process");
const { writeFileSync } = require("node:fs");

const [profile, folder] = process.argv.slice(2);
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
  "--user-data-dir=" + profile + "/chromium", "about:blank"];
const browser = spawn("chromium", flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const [, , , into, from] = browser.stdio;
const waiting = new Map();
let session;
let last = 0;
let faults = [];
let rest = "";
from.setEncoding("utf8");
from.on("data", (text) => {
  const parts = (rest + text).split("\0");
  rest = parts.pop();
  for (const part of parts) {
    const message = JSON.parse(part);
    if (message.id) {
      const { resolve, reject } = waiting.get(message.id);
      message.error ? reject(new Error(message.error.message)) : resolve(message.result);
    } else {
      hear(message.method, message.params);
    }
  }
});
function hear(method, params) {
  if (method === "Runtime.exceptionThrown") faults.push("exception: " + JSON.stringify(params.exceptionDetails));
  if (method === "Runtime.consoleAPICalled" && /error|warning|assert/.test(params.type)) faults.push("console: " + JSON.stringify(params.args));
  if (method === "Log.entryAdded" && /error|warning/.test(params.entry.level)) faults.push("log: " + params.entry.text);
  if (method === "Network.requestWillBeSent" && !params.request.url.startsWith("file:")) faults.push("request: " + params.request.url);
}
function send(method, params = {}) {
  const id = ++last;
  into.write(JSON.stringify({ id, method, params, sessionId: session }) + "\0");
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}
async function evaluate(expression) {
  const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, returnByValue: true });
  if (exceptionDetails) throw new Error(expression + ": " + JSON.stringify(exceptionDetails.exception));
  return result.value;
}
const rest_of = (time) => new Promise((resolve) => setTimeout(resolve, time));
async function open(page, scheme) {
  await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  await send("Page.navigate", { url: "about:blank" });
  await send("Page.navigate", { url: "file://" + folder + "/" + page });
  for (let times = 0; times < 200; times++) {
    await rest_of(50);
    if (await evaluate("document.readyState === 'complete' && location.protocol === 'file:'")) return;
  }
  throw new Error(page + " does not load");
}
async function shot(name) {
  await rest_of(150);
  const { data } = await send("Page.captureScreenshot", { format: "png" });
  writeFileSync(folder + "/" + name + ".png", Buffer.from(data, "base64"));
}
async function press(...keys) {
  for (const key of keys) {
    const text = key.length === 1 ? key : key === "Enter" ? "\r" : undefined;
    await send("Input.dispatchKeyEvent", { type: "keyDown", key, text });
    await send("Input.dispatchKeyEvent", { type: "keyUp", key });
  }
}
async function expect(what, expression) {
  if (!await evaluate(expression)) faults.push("not so: " + what + ": " + expression);
}
const count = (selector) => `document.querySelectorAll(${JSON.stringify(selector)}).length`;

async function main() {
  const { targetInfos } = await send("Target.getTargets");
  const { targetId } = targetInfos.find(({ type }) => type === "page");
  ({ sessionId: session } = await send("Target.attachToTarget", { targetId, flatten: true }));
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(domain + ".enable");
  await send("Emulation.setDeviceMetricsOverride", { width: 1280, height: 800, deviceScaleFactor: 1, mobile: false });

  await open("orders.html", "light");
  await expect("functions are listed", count("#list a") + " > 5");
  for (const column of ["source", "bytecode", "native"]) {
    await expect("rows in " + column, count(`#${column} .row.code`) + " > 3");
  }
  await expect("nothing is wider than the window", "document.documentElement.scrollWidth <= 1280");
  await expect("lines have costs", count("#source .cost:not(:empty)") + " > 1");
  await press("f");
  await send("Input.insertText", { text: "total" });
  await press("Enter", "t");
  await expect("t goes to a line", count("#source .row.cursor") + " === 1");
  await expect("its instructions are marked", count("#bytecode .row.on") + " > 0");
  await expect("its native code is marked", count("#native .row.on") + " > 0");
  await shot("orders-light");
  await press("l", "j");
  await expect("l and j go to an instruction", count("#bytecode .row.cursor") + " === 1");
  await expect("its native code is marked as its own", count("#native .row.exact") + " + " + count("#native .row.on") + " > 0");
  await press("/");
  await send("Input.insertText", { text: "add" });
  await press("Enter", "n");
  await expect("matches are marked", count(".row.match") + " > 1");
  await expect("a match has the cursor", count(".row.match.cursor") + " === 1");
  await press("?");
  await expect("help is open", "document.querySelector('#help').open");
  await shot("help");
  await open("orders.html", "dark");
  const box = await evaluate("(() => { const { x, y } = document.querySelector('#source .row.code').getBoundingClientRect(); return { x, y } })()");
  await send("Input.dispatchMouseEvent", { type: "mouseMoved", x: box.x + 120, y: box.y + 8 });
  await rest_of(100);
  await expect("pointing marks rows", count("#bytecode .row.on") + " > 0");
  await shot("orders-dark");
  await open("hostile.html", "light");
  await expect("names are text", "document.title === 'hostile.dasm' && !document.querySelector('img, #list b')");
  await expect("and are shown", "document.querySelector('#list').textContent.includes('</script><script>')");
  await shot("hostile");
  if (faults.length) throw new Error(faults.join("\n"));
  console.log("screenshots are in " + folder);
}
main().then(() => browser.kill(), (error) => {
  console.error(String(error.message ?? error));
  browser.kill();
  process.exitCode = 1;
});
