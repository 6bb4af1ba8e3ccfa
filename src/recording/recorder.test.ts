import { readdir, readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { event, type Fault, spooledLines, startRecorder } from '../../test/support/recorder-fixture.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { personDigests } from '../privacy/decision.ts';
import { DecisionGate } from '../privacy/decision-gate.ts';

const never = new AbortController().signal;
const hour = (text: string) => Date.parse(`2026-11-21T${text}Z`);

describe('Recorder', () => {
  it('has written a line to disk when it says that it is recorded', async () => {
    await using dir = await tempDir();
    const { sink, spool, stop } = await startRecorder(dir.path);
    sink.push(event('hello'));
    await sink.recorded(never);
    const lines = [...(await spooledLines(spool, 'open')).values()].flat();
    expect(lines.map(({ message }) => message)).toEqual(['hello']);
    await stop();
    expect((await spooledLines(spool, 'sealed')).size).toBe(1);
    expect(await readdir(spool.path('open'))).toEqual([]);
  });

  it('writes one file for each channel and hour of the events, in the order of arrival', async () => {
    await using dir = await tempDir();
    const { sink, spool, stop } = await startRecorder(dir.path);
    sink.push(event('1', { timeMs: hour('13:59:59.999') }));
    sink.push(event('2', { timeMs: hour('14:00:00.000') }));
    sink.push(event('3', { timeMs: hour('13:10:00.000') }));
    sink.push(event('4', { timeMs: hour('13:10:00.000'), channel: '../y' }));
    await stop();
    const files = await spooledLines(spool, 'sealed');
    expect(
      Object.fromEntries([...files].map(([file, lines]) => [file, lines.map(({ message }) => message)])),
    ).toEqual({
      'test_x_20261121_1359.jsonl': ['1', '3'],
      'test_x_20261121_1400.jsonl': ['2'],
      'test_%2E.%2Fy_20261121_1310.jsonl': ['4'],
    });
  });

  it('records nothing of and about who opted out, from the moment on that they did', async () => {
    await using dir = await tempDir();
    const privacy = new DecisionGate();
    const { sink, spool, stop, recorder } = await startRecorder(dir.path, { privacy });
    sink.push(event('before'));
    await sink.recorded(never);
    const common = { timestamp: new Date().toISOString(), platform: 'test', by: 'self' };
    const user = personDigests('test', '1', ['ann']);
    privacy.add({ ...common, kind: 'opt_out', id: '20261121T130000000Z-000000000001', user });
    privacy.add({ ...common, kind: 'channel_opt_out', id: '20261121T130000000Z-000000000002', channel: 'y' });
    sink.push(event('said by her'));
    sink.push(event('she is banned', { username: '', user_id: '', type: 'ban', target_user_id: '1' }));
    sink.push(event('elsewhere', { user_id: '2', channel: 'y' }));
    const tags = { 'reply-parent-user-id': '1', 'reply-parent-msg-body': 'before' };
    sink.push(event('said to her', { user_id: '2', username: 'bob', tags }));
    await sink.recorded(never);
    await stop();
    const lines = [...(await spooledLines(spool, 'sealed')).values()].flat();
    expect(lines.map(({ message }) => message)).toEqual(['before', 'said to her']);
    expect(lines[1]!.tags).toEqual({ 'reply-parent-user-id': '', 'reply-parent-msg-body': '' });
    expect(recorder.status()).toMatchObject({ recorded: 2, withheld: 3 });
  });

  it('does not take back from a history what was forgotten or removed for good', async () => {
    await using dir = await tempDir();
    const privacy = new DecisionGate();
    const { sink, spool, stop } = await startRecorder(dir.path, { privacy });
    const timestamp = new Date().toISOString();
    const key = '01234567-89ab-4def-8123-456789abcdef';
    const common = { timestamp, platform: 'test', by: 'self' };
    const user = personDigests('test', '1', ['ann']);
    privacy.add({ ...common, kind: 'forget', id: '20261121T130000000Z-000000000001', user });
    const message = { key, channel: 'x', at: timestamp };
    privacy.add({ ...common, kind: 'purge_message', id: '20261121T130000000Z-000000000002', message });
    const earlierMs = Date.parse(timestamp) - 1000;
    sink.push(event('hers', { timeMs: earlierMs, source: 'backfill' }));
    sink.push(event('removed', { timeMs: earlierMs, source: 'backfill', id: key, user_id: '2' }));
    sink.push(event('hi @ann', { timeMs: earlierMs, source: 'backfill', user_id: '2' }));
    sink.push(event('hers, afterwards', { timeMs: Date.parse(timestamp) + 1000 }));
    await sink.recorded(never);
    await stop();
    const lines = [...(await spooledLines(spool, 'sealed')).values()].flat();
    expect(lines.map((line) => line.message)).toEqual(['hi @***', 'hers, afterwards']);
  });

  it('seals the files that it is asked to, with everything that waits', async () => {
    await using dir = await tempDir();
    const { sink, spool, stop, recorder } = await startRecorder(dir.path);
    sink.push(event('1'));
    sink.push(event('other', { channel: 'y' }));
    await sink.recorded(never);
    const [file] = (await readdir(spool.path('open'))).filter((name) => name.startsWith('test_x'));
    sink.push(event('2'));
    await recorder.seal(new Set([file!]));
    const sealed = await spooledLines(spool, 'sealed');
    expect([...sealed.keys()]).toEqual([file]);
    expect([...sealed.values()].flat().map(({ message }) => message)).toEqual(['1', '2']);
    expect(await readdir(spool.path('open'))).toHaveLength(1);
    await stop();
  });

  it('refuses to seal when asked while the disk refuses lines that wait', async () => {
    await using dir = await tempDir();
    const { sink, stop, disk, recorder } = await startRecorder(dir.path);
    sink.push(event('1'));
    disk.next = (operation) => (operation === 'write' ? { operation, code: 'ENOSPC' } : undefined);
    await expect(recorder.seal(new Set())).rejects.toMatchObject({ code: 'disk_trouble', retryable: true });
    disk.next = () => undefined;
    await recorder.seal(new Set());
    expect(recorder.status().recorded).toBe(1);
    await stop();
  });

  it('puts no line into a wrong hour when the clock jumps both ways over it', async () => {
    await using dir = await tempDir();
    const { sink, spool, stop, shiftClock, recorder } = await startRecorder(dir.path, {
      config: { idle_seal_seconds: 0.05 },
    });
    for (const shiftMs of [0, 3_600_000, -3_600_000, 7_200_000, 0]) {
      shiftClock(shiftMs);
      for (const text of ['12:30', '13:30', '14:30']) {
        sink.push(event(`${text} ${shiftMs}`, { timeMs: hour(`${text}:00.000`) }));
      }
      await sink.recorded(never);
    }
    shiftClock(48 * 3_600_000);
    await waitFor('past hours to be sealed', () => recorder.status().openFiles === 0);
    await stop();
    let lines = 0;
    for (const [file, events] of await spooledLines(spool, 'sealed')) {
      for (const { timestamp } of events) {
        expect(file.replace(/^test_x_\d{8}_(\d\d).*$/, '$1')).toBe(timestamp.slice(11, 13));
        lines++;
      }
    }
    expect(lines).toBe(15);
  });

  it('begins a new file when one is full, and never uses a name twice', async () => {
    await using dir = await tempDir();
    const { sink, spool, stop } = await startRecorder(dir.path, { config: { rotate_bytes: 1000 } });
    const timeMs = hour('13:00:00.000');
    for (let number = 0; number < 40; number++) {
      sink.push(event(`${number} ${'x'.repeat(100)}`, { timeMs }));
      if (number % 10 === 9) await sink.recorded(never);
    }
    await stop();
    const files = await spooledLines(spool, 'sealed');
    expect([...files.values()].flat()).toHaveLength(40);
    expect(files.size).toBeGreaterThan(5);
    for (const file of files.keys())
      expect((await readFile(spool.path('sealed', file))).length).toBeLessThan(1500);
  });

  it('writes the rate on what it drew, and leaves the rest out', async () => {
    await using dir = await tempDir();
    const channels = new Map([['test', new Map([['x', { samplingRate: 0.5, presence: false }]])]]);
    const { sink, spool, stop, recorder } = await startRecorder(dir.path, { policies: { channels } });
    for (let number = 0; number < 200; number++) sink.push(event('m', { id: `id-${number}` }));
    sink.push({ ...event('mod'), unsampled: true });
    sink.push(event('', { type: 'join' }));
    await stop();
    const lines = [...(await spooledLines(spool, 'sealed')).values()].flat();
    expect(lines.filter(({ sampling_rate }) => sampling_rate === 0.5).length).toBe(lines.length - 1);
    expect(lines.at(-1)).toMatchObject({ message: 'mod' });
    expect(lines.at(-1)).not.toHaveProperty('sampling_rate');
    expect(recorder.status().sampledOut).toBe(200 - (lines.length - 1));
  });

  it('keeps lines while the disk is full, slows its senders down, and writes them when there is room', async () => {
    await using dir = await tempDir();
    const { sink, spool, stop, disk, recorder, channel } = await startRecorder(dir.path, {
      limits: { events: 50, bytes: 1e8 },
    });
    disk.next = (operation) =>
      operation === 'write' ? { operation, code: 'ENOSPC', tornBytes: 30 } : undefined;
    for (let number = 0; number < 50; number++) sink.push(event(`${number}`));
    await waitFor('the trouble to be noticed', () => recorder.status().diskTrouble);
    expect(sink.full).toBe(true);
    expect(channel.held.events).toBe(50);
    disk.next = () => undefined;
    await sink.drained(never);
    await sink.recorded(never);
    expect(recorder.status().diskTrouble).toBeUndefined();
    await stop();
    const lines = [...(await spooledLines(spool, 'sealed')).values()].flat();
    expect(lines.map(({ message }) => message)).toEqual(
      Array.from({ length: 50 }, (_, number) => `${number}`),
    );
  });

  it('waits for a disk that became read-only, and gives up no file for it', async () => {
    await using dir = await tempDir();
    const { sink, spool, stop, disk, recorder } = await startRecorder(dir.path);
    sink.push(event('before'));
    await sink.recorded(never);
    disk.next = (operation) => ({ operation, code: 'EROFS' });
    sink.push(event('during'));
    await waitFor('the trouble to be noticed', () => recorder.status().diskTrouble);
    disk.next = () => undefined;
    await sink.recorded(never);
    await stop();
    const files = [...(await spooledLines(spool, 'sealed')).values()];
    expect(files.map((lines) => lines.map(({ message }) => message))).toEqual([['before', 'during']]);
  });

  it('sheds presence first when the disk is nearly full, and writes down what it shed', async () => {
    await using dir = await tempDir();
    const policies = { defaults: { samplingRate: 1, presence: true } };
    const { sink, spool, stop, disk, recorder } = await startRecorder(dir.path, { policies });
    disk.free = 1;
    await waitFor('the free space to be asked', () => recorder.status().freeBytes === 1, {
      timeoutMs: 20_000,
    });
    sink.push(event('', { type: 'join' }));
    sink.push(event('', { type: 'part' }));
    sink.push(event('kept'));
    await stop();
    const lines = [...(await spooledLines(spool, 'sealed')).values()].flat();
    expect(lines.map(({ type, gap }) => [type, gap?.dropped])).toEqual([
      [undefined, undefined],
      ['gap', 2],
    ]);
    expect(recorder.status().dropped).toBe(2);
  });

  it('keeps every line exactly once, whatever single operation fails whenever', async () => {
    const fault = fc.record({
      operation: fc.constantFrom<Fault['operation']>('open', 'write', 'datasync', 'truncate'),
      code: fc.constantFrom('EIO', 'ENOSPC', 'EMFILE'),
      tornBytes: fc.option(fc.nat({ max: 500 }), { nil: undefined }),
    });
    const script = fc.array(fc.option(fault, { nil: undefined, freq: 3 }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(script, async (faults) => {
        await using dir = await tempDir();
        const { sink, spool, stop, disk } = await startRecorder(dir.path, {
          config: { flush_interval_seconds: 0.002, rotate_bytes: 2000 },
        });
        const waiting = [...faults];
        disk.next = (operation) => {
          const next = waiting[0];
          if (next !== undefined && next.operation !== operation) return undefined;
          waiting.shift();
          return next;
        };
        for (let number = 0; number < 30; number++) {
          sink.push(event(`${number}`, { channel: `c${number % 3}` }));
          if (number % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
        }
        disk.next = () => undefined;
        await sink.recorded(AbortSignal.timeout(10_000));
        await stop();
        const messages = [...(await spooledLines(spool, 'sealed')).values()]
          .flat()
          .map(({ message }) => Number(message));
        expect(messages.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, number) => number));
        expect(await readdir(spool.path('open'))).toEqual([]);
        expect(await readdir(spool.path('recovered'))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('makes do with as many open files as the system allows', async () => {
    await using dir = await tempDir();
    const { sink, spool, stop, disk } = await startRecorder(dir.path);
    let open = 0;
    const { open: openFile, syncDirectory } = disk;
    const takeOne = () => {
      if (open >= 12) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    };
    disk.syncDirectory = async (path) => {
      takeOne();
      await syncDirectory(path);
    };
    disk.open = async (path, flags) => {
      takeOne();
      const handle = await openFile(path, flags);
      const close = handle.close.bind(handle);
      open++;
      return Object.assign(handle, {
        close: async () => {
          open--;
          await close();
        },
      });
    };
    for (let round = 0; round < 5; round++) {
      for (let number = 0; number < 40; number++) sink.push(event(`${round}`, { channel: `c${number}` }));
      await sink.recorded(AbortSignal.timeout(20_000));
    }
    disk.open = openFile;
    disk.syncDirectory = syncDirectory;
    await stop();
    const files = await spooledLines(spool, 'sealed');
    expect(files.size).toBe(40);
    for (const lines of files.values()) {
      expect(lines.map(({ message }) => message)).toEqual(['0', '1', '2', '3', '4']);
    }
  });

  it('commits a full batch at once, and nothing else before its time', async () => {
    await using dir = await tempDir();
    const config = { flush_interval_seconds: 60, batch_size: 512 };
    const { sink, spool, stop, recorder } = await startRecorder(dir.path, { config });
    const certainAtFirstMs = recorder.certainUntilMs;
    sink.push(event('quiet', { channel: 'quiet' }));
    for (let number = 0; number < 600; number++) sink.push(event(`${number}`, { channel: 'busy' }));
    await waitFor('the batch to be recorded', () => recorder.status().recorded > 0);
    const files = await spooledLines(spool, 'open');
    expect([...files.keys()].every((file) => file.startsWith('test_busy_'))).toBe(true);
    expect(recorder.certainUntilMs).toBe(certainAtFirstMs);
    await stop();
    expect([...(await spooledLines(spool, 'sealed')).values()].flat()).toHaveLength(601);
  });

  it('keeps few files of one channel open, though every line be of another hour', async () => {
    await using dir = await tempDir();
    const { sink, spool, stop, recorder } = await startRecorder(dir.path);
    for (let number = 0; number < 300; number++) {
      sink.push(event(`${number}`, { timeMs: hour('13:00:00.000') - number * 3_600_000 }));
    }
    await waitFor(
      'most to be sealed',
      () => recorder.status().recorded === 300 && recorder.status().openFiles <= 64,
    );
    await stop();
    const files = await spooledLines(spool, 'sealed');
    expect(files.size).toBe(300);
    expect(new Set([...files.values()].flat().map(({ message }) => message)).size).toBe(300);
  });

  it('keeps no more files open than it may', async () => {
    await using dir = await tempDir();
    const { sink, spool, stop, recorder } = await startRecorder(dir.path, { config: { max_open_files: 4 } });
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < 20; number++) sink.push(event(`${round}`, { channel: `c${number}` }));
      await sink.recorded(never);
    }
    expect(recorder.status().openFiles).toBe(20);
    await stop();
    const files = await spooledLines(spool, 'sealed');
    expect(files.size).toBe(20);
    for (const lines of files.values()) expect(lines.map(({ message }) => message)).toEqual(['0', '1', '2']);
  });
});
