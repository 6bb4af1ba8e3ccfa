import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type TempDir, tempDir } from '../test/support/temp-dir.ts';
import { waitFor } from '../test/support/wait-for.ts';

const BIN = new URL('../bin/chatlog.js', import.meta.url);
/** Makes a Node believe that it is an old one. */
const OLD =
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.0"}})';

async function ended(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  const code = new Promise<number | null>((resolve) => child.once('exit', (value) => resolve(value)));
  const [out, err, exit] = await Promise.all([text(child.stdout!), text(child.stderr!), code]);
  return { code: exit, out, err };
}

/** A package with nothing but the launcher, and a Node where npm puts it. */
async function installation(
  directory: TempDir,
  files: Record<string, string>,
  options = { node: true },
): Promise<string> {
  for (const folder of ['bin', 'src', 'dist', 'node_modules/.bin'])
    await mkdir(directory.join(folder), { recursive: true });
  await writeFile(directory.join('package.json'), '{"type": "module"}');
  await copyFile(BIN, directory.join('bin/chatlog.js'));
  if (options.node) await symlink(process.execPath, directory.join('node_modules/.bin/node'));
  for (const [file, content] of Object.entries(files)) await writeFile(directory.join(file), content);
  return directory.join('bin/chatlog.js');
}

const node = (...args: string[]) => spawn(process.execPath, args, { stdio: 'pipe' });

describe('bin/chatlog.js', () => {
  it('runs this checkout', async () => {
    const { code, out } = await ended(node(BIN.pathname, '--version'));
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(code).toBe(0);
  });

  it('runs the sources in a checkout, the bundle elsewhere, and gives on arguments and exit code', async () => {
    await using directory = await tempDir('bin');
    const program = (name: string) =>
      `export async function start(argv) { console.log(${JSON.stringify(name)}, argv.join()); process.exitCode = 7; }`;
    const bin = await installation(directory, { 'dist/main.js': program('dist') });
    expect(await ended(node(bin, 'a', 'b'))).toEqual({ code: 7, out: 'dist a,b\n', err: '' });
    await writeFile(directory.join('src/main.ts'), program('src'));
    expect(await ended(node(bin, 'a'))).toEqual({ code: 7, out: 'src a\n', err: '' });
  });

  it('hands over from an old Node to the one beside it, with arguments, exit code and signals', async () => {
    await using directory = await tempDir('bin');
    const bin = await installation(directory, {
      'src/main.ts': `export async function start(argv: string[]) {
        process.on('SIGTERM', () => { console.log('stopping'); process.exit(9); });
        console.log(process.versions.node, argv.join());
        setInterval(() => {}, 1000);
      }`,
    });
    const child = node('--import', OLD, bin, 'run', '--config', 'x');
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      out += chunk;
    });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    await waitFor('the program to run', () => out.includes('\n'));
    expect(out).toBe(`${process.versions.node} run,--config,x\n`);
    child.kill('SIGTERM');
    expect(await exit).toBe(9);
    expect(out).toContain('stopping');
  });

  it('says what to do where no newer Node is found, or nothing to run', async () => {
    await using directory = await tempDir('bin');
    const bin = await installation(directory, {}, { node: false });
    const old = await ended(node('--import', OLD, bin));
    expect(old).toMatchObject({
      code: 1,
      err: expect.stringContaining('needs Node 24 or newer; this is 20.19.0.\nRun "npm ci"'),
    });
    const empty = await ended(node(bin));
    expect(empty).toMatchObject({ code: 1, err: expect.stringContaining('the installation is incomplete') });
  });
});
