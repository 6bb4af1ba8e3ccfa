import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { event, silentLog, spooledLines } from '../../test/support/recorder-fixture.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { openSpool, type Spool } from '../spool.ts';
import { recoverSegments, takeLeftovers } from './recover-segments.ts';

const FILE = 'test_x_20261121_1300.jsonl';
const line = (message: string) => `${JSON.stringify(event(message, { timeMs: 1_800_000_000_000 }).event)}\n`;

async function recover(spool: Spool): Promise<string[]> {
  const sealed: string[] = [];
  const options = { spool, log: silentLog, onSealed: (file: string) => void sealed.push(file) };
  await recoverSegments(await takeLeftovers(spool), options, new AbortController().signal);
  return sealed;
}

async function sealedMessages(spool: Spool): Promise<string[]> {
  return [...(await spooledLines(spool, 'sealed')).values()].flat().map(({ message }) => message);
}

describe('recovering', () => {
  it('cuts a torn last line off and seals the rest', async () => {
    await using dir = await tempDir();
    const spool = await openSpool(dir.path);
    await writeFile(spool.path('open', FILE), line('1') + line('2') + line('3').slice(0, -5));
    expect(await recover(spool)).toEqual([FILE]);
    expect(await readFile(spool.path('sealed', FILE), 'utf8')).toBe(line('1') + line('2'));
  });

  it('gives the whole lines of any cut, byte for byte', async () => {
    await using dir = await tempDir();
    const spool = await openSpool(dir.path);
    const whole = Buffer.from(['a', 'ü😀 ', 'c'.repeat(50_000)].map(line).join(''));
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.length }), async (end) => {
        await writeFile(spool.path('open', FILE), whole.subarray(0, end));
        await recover(spool);
        const expected = whole.subarray(0, whole.subarray(0, end).lastIndexOf(0x0a) + 1);
        const sealed = await readFile(spool.path('sealed', FILE)).catch(() => Buffer.alloc(0));
        expect(sealed.equals(expected)).toBe(true);
        await rm(spool.path('sealed', FILE), { force: true });
      }),
      { numRuns: 40 },
    );
  });

  it('sets aside lines that cannot be read and keeps the others', async () => {
    await using dir = await tempDir();
    const spool = await openSpool(dir.path);
    const bad = `${'\0'.repeat(4096)}\n{"half":\n`;
    await writeFile(spool.path('open', FILE), line('1') + bad + line('2') + bad + line('3'));
    await recover(spool);
    expect(await sealedMessages(spool)).toEqual(['1', '2', '3']);
    expect(await readFile(spool.path('quarantine', `${FILE}.bad-lines`), 'utf8')).toBe(bad + bad);
  });

  it('quarantines what is not a segment, and never touches it again', async () => {
    await using dir = await tempDir();
    const spool = await openSpool(dir.path);
    await writeFile(spool.path('open', 'notes.txt'), 'mine');
    await mkdir(spool.path('open', 'folder'));
    await writeFile(spool.path('open', FILE), 'not a line\n');
    await writeFile(spool.path('open', 'test_y_20261121_1300.jsonl'), line('1'));
    expect(await recover(spool)).toEqual(['test_y_20261121_1300.jsonl']);
    expect((await readdir(spool.path('quarantine'))).sort()).toEqual(['folder', 'notes.txt', FILE].sort());
    await writeFile(spool.path('open', 'notes.txt'), 'others');
    await recover(spool);
    expect(await readFile(spool.path('quarantine', 'notes.txt'), 'utf8')).toBe('mine');
    expect(await readFile(spool.path('quarantine', 'notes.txt.2'), 'utf8')).toBe('others');
  });

  it('never overwrites a segment of the same name', async () => {
    await using dir = await tempDir();
    const spool = await openSpool(dir.path);
    await writeFile(spool.path('open', FILE), line('new'));
    await writeFile(spool.path('sealed', FILE), line('old'));
    expect(await recover(spool)).toEqual(['test_x_20261121_1300-r2.jsonl']);
    expect((await sealedMessages(spool)).sort()).toEqual(['new', 'old']);
  });

  it('removes files without a line and empties tmp/', async () => {
    await using dir = await tempDir();
    const spool = await openSpool(dir.path);
    await writeFile(spool.path('open', FILE), '');
    await writeFile(spool.path('open', 'test_y_20261121_1300.jsonl'), '{"timesta');
    await writeFile(spool.path('tmp', 'half.zst'), 'x');
    expect(await recover(spool)).toEqual([]);
    for (const directory of ['open', 'recovered', 'sealed', 'tmp', 'quarantine'] as const) {
      expect(await readdir(spool.path(directory))).toEqual([]);
    }
  });

  it('does not choke on an endless line', async () => {
    await using dir = await tempDir();
    const spool = await openSpool(dir.path);
    await writeFile(spool.path('open', FILE), line('1'));
    for (let part = 0; part < 40; part++) await appendFile(spool.path('open', FILE), 'x'.repeat(100_000));
    await appendFile(spool.path('open', FILE), `\n${line('2')}`);
    await recover(spool);
    expect(await sealedMessages(spool)).toEqual(['1', '2']);
  });
});
