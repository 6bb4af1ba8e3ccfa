import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { type AppLogger, createLogger, type LoggerOptions } from './create-logger.ts';
import { ChatlogError } from './errors.ts';

const NOW = Date.UTC(2026, 10, 21, 13, 0, 0, 5);

/** What a logger writes to a file. */
async function written(use: (log: AppLogger) => void, options: Partial<LoggerOptions> = {}): Promise<string> {
  await using directory = await tempDir('log');
  const path = directory.join('log');
  const fd = openSync(path, 'a');
  try {
    use(await createLogger({ level: 'info', format: 'auto', now: () => NOW, fd, ...options }));
    return readFileSync(path, 'utf8');
  } finally {
    closeSync(fd);
  }
}

const lines = (content: string) =>
  content
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

describe('the logger', () => {
  it('writes one JSON object a line, with the time in ISO form', async () => {
    const content = await written((log) => {
      log.info({ channel: 'xqc' }, 'joined');
      log.child({ component: 'twitch' }).child({ connection: 2 }).warn({}, 'silent');
    });
    expect(lines(content)).toEqual([
      { level: 'info', time: '2026-11-21T13:00:00.005Z', channel: 'xqc', msg: 'joined' },
      { level: 'warn', time: '2026-11-21T13:00:00.005Z', component: 'twitch', connection: 2, msg: 'silent' },
    ]);
  });

  it('changes its level at run time, on children too', async () => {
    const content = await written((log) => {
      const child = log.child({});
      child.debug({}, 'one');
      log.setLevel('debug');
      child.debug({}, 'two');
      log.setLevel('error');
      child.warn({}, 'three');
      child.error({}, 'four');
    });
    expect(lines(content).map(({ msg }) => msg)).toEqual(['two', 'four']);
  });

  it('redacts secrets, and the new ones after a reload', async () => {
    const content = await written(
      (log) => {
        const child = log.child({ bound: 'first-secret' });
        child.info(
          { url: 'https://x/?t=first-secret', err: new Error('first-secret is wrong') },
          'first-secret',
        );
        log.setSecrets(['second-secret']);
        child.info({}, 'second-secret');
      },
      { secrets: ['first-secret'] },
    );
    const [before, after] = content.split('\n');
    expect(before).not.toContain('first-secret');
    expect(after).not.toContain('second-secret');
    expect(after).toContain('[redacted]');
  });

  it('stays JSON whatever the secret is', async () => {
    const content = await written((log) => log.info({ a: true, b: 1234 }, 'info level "time'), {
      secrets: ['info', 'true', '1234', 'level', '"tim'],
    });
    expect(lines(content)).toHaveLength(1);
  });

  it('escapes what a terminal would obey', async () => {
    const evil = '\u001b[31m\u202eevil\u2028\u0085\u200b\nnext';
    for (const format of ['json', 'pretty'] as const) {
      const content = await written((log) => log.warn({ nick: evil, [evil]: 1 }, evil), { format });
      expect(content.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b\u2028\u202e]/);
      expect(content).toContain('\\u202e');
    }
  });

  it('says what an error was, with its code, hint and causes, and nothing that hangs on it', async () => {
    const cause = Object.assign(new Error('reset'), { code: 'ECONNRESET', socket: { huge: 'x' } });
    const content = await written((log) =>
      log.error(
        { err: new ChatlogError('upload_failed', 'no luck', { hint: 'wait', cause }) },
        'upload failed',
      ),
    );
    const [{ err }] = lines(content);
    expect(err).toMatchObject({
      type: 'ChatlogError',
      code: 'upload_failed',
      message: 'no luck',
      hint: 'wait',
    });
    expect(err.cause).toMatchObject({ code: 'ECONNRESET', message: 'reset' });
    expect(content).not.toContain('huge');
  });

  it('survives fields that cannot be written', async () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    const content = await written((log) => {
      log.info(loop, 'loop');
      log.info(
        {
          get broken() {
            throw new Error('getter');
          },
        },
        'getter',
      );
      log.info(
        {
          toJSON: () => {
            throw new Error('no');
          },
          big: 10n,
        },
        'odd',
      );
    });
    expect(lines(content).map(({ msg }) => msg)).toEqual(['loop', 'getter', 'odd']);
  });
});

describe('a process that logs', () => {
  const LOGGER = fileURLToPath(new URL('./create-logger.ts', import.meta.url));
  const start = (program: string, wrapper: readonly string[] = []) => {
    const script = `const { createLogger } = await import(${JSON.stringify(LOGGER)});
      const log = await createLogger({ level: 'info', format: 'auto' });
      ${program}`;
    const [command, ...args] = [...wrapper, process.execPath, '--input-type=module', '-e', script];
    return spawn(command!, args, { stdio: 'pipe' });
  };
  const exit = (child: ReturnType<typeof start>) =>
    new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));

  it('loses no line at an exit', async () => {
    const child = start(`for (let i = 0; i < 300; i++) log.info({ i }, 'x'.repeat(300)); process.exit(7);`);
    const [content, code] = await Promise.all([text(child.stdout), exit(child)]);
    expect(code).toBe(7);
    expect(lines(content)).toHaveLength(300);
  });

  it.each([
    ['a socket', []],
    ['a pipe', ['sh', '-c', '"$@" | cat', 'sh']],
  ])('goes on when nobody reads %s, and says what it dropped when somebody does', async (_, wrapper) => {
    const child = start(
      `for (let i = 0; i < 3000; i++) log.info({ i }, 'x'.repeat(1000));
       console.error('done');
       const timer = setInterval(() => log.info({}, 'still here'), 10);
       process.stdin.on('end', () => clearInterval(timer)).resume();`,
      wrapper,
    );
    // Nobody has read by now, and 3 MB fit into no pipe.
    await waitFor('the process to get through', async () =>
      String(child.stderr.read() ?? '').includes('done'),
    );
    let content = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      content += chunk;
      if (content.split('lines dropped')[1]?.includes('still here')) child.stdin.end();
    }
    const found = lines(content);
    expect(found.some(({ dropped }) => dropped > 0)).toBe(true);
    expect(found.at(-1)).toMatchObject({ msg: 'still here' });
  });

  it('does not crash when its reader goes away', async () => {
    const child = start(
      `log.info({}, 'first'); setTimeout(() => { for (let i = 0; i < 100; i++) log.info({}, 'y'.repeat(5000)); process.exit(5); }, 300);`,
    );
    const code = exit(child);
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await code).toBe(5);
  });
});
