#!/usr/bin/env node
// Starts Chatlog with a Node that can run it. Plain JavaScript that Node 18 can read: an older Node on the machine
// hands over to the one that npm installed beside it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NODE_MIN = 24;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

if (Number.parseInt(process.versions.node, 10) >= NODE_MIN) await start();
else handOver();

async function start() {
  const main = [join(root, 'src', 'main.ts'), join(root, 'dist', 'main.js')].find((path) => existsSync(path));
  if (!main) fail(`neither src/main.ts nor dist/main.js is in ${root}: the installation is incomplete`);
  // What was compiled is kept among the temporary files: the next command starts in half the time.
  module.enableCompileCache?.();
  const { start: startMain } = await import(pathToFileURL(main).href);
  await startMain(process.argv.slice(2));
}

function handOver() {
  const node = findNode();
  if (!node) {
    fail(
      `needs Node ${NODE_MIN} or newer; this is ${process.versions.node}.\nRun "npm ci" in ${root}, which brings its own Node, or install a newer one.`,
    );
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  child.on('error', (error) => fail(`${node} cannot be started: ${error.message}`));
  // A terminal sends its signals to the child too; SIGTERM comes here alone.
  const forwarded = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR2'];
  for (const signal of forwarded) {
    process.on(signal, () => {
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on('exit', (code, signal) => {
    process.exit(signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1));
  });
}

/** Beside this package, or in the project that it was installed into. */
function findNode() {
  for (let directory = root; ; directory = dirname(directory)) {
    for (const path of [join('node', 'bin', 'node'), join('.bin', 'node')]) {
      const candidate = join(directory, 'node_modules', path);
      if (existsSync(candidate) && candidate !== process.execPath) return candidate;
    }
    if (dirname(directory) === directory) return undefined;
  }
}

function fail(message) {
  console.error(`chatlog: ${message}`);
  process.exit(1);
}
