import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { FakeSink } from '../testing/fakes.ts';
import { IrcTestServer } from '../testing/irc-server.ts';
import { IrcConnection, type IrcConnectionOptions, type IrcLineHandler } from './irc-connection.ts';

interface Subject {
  connection: IrcConnection;
  lines: string[];
  bytes: Buffer[];
  troubles: string[];
  sink: FakeSink;
}

function subject(port: number, options: Partial<IrcConnectionOptions> = {}): Subject {
  const lines: string[] = [];
  const bytes: Buffer[] = [];
  const troubles: string[] = [];
  const sink = new FakeSink();
  const handler: IrcLineHandler = {
    line: (line) => lines.push(line),
    bytes: (odd) => bytes.push(odd),
    trouble: (_error, line) => troubles.push(line),
  };
  const connection = new IrcConnection(
    {
      host: '127.0.0.1',
      port,
      nick: 'log',
      caps: [],
      pingAfterMs: 60_000,
      pingTimeoutMs: 60_000,
      registerTimeoutMs: 5000,
      capFallbackMs: 50,
      sink,
      now: Date.now,
      ...options,
    },
    handler,
  );
  return { connection, lines, bytes, troubles, sink };
}

const signal = new AbortController().signal;

describe('a connection to an IRC server', () => {
  it('is open when it is registered', async () => {
    await using server = await IrcTestServer.start();
    const { connection } = subject(server.port);
    await connection.open(signal);
    expect(connection.isOpen).toBe(true);
    expect(connection.nick).toBe('log');
    expect(Date.now() - connection.lastHeardMs).toBeLessThan(60_000);
    connection.close('enough');
    expect(await connection.closed).toBe('enough');
    expect(connection.isOpen).toBe(false);
  });

  it('asks for required capabilities one by one where the whole request is refused', async () => {
    await using server = await IrcTestServer.start({
      caps: 'a b c',
      intercept: (client, line) => {
        const wanted = /^CAP REQ :(.*)$/.exec(line)?.[1]?.trim();
        if (!wanted?.includes('c') && !wanted?.includes(' ')) return false;
        client.send(`:irc.test CAP * NAK :${wanted}`);
        return true;
      },
    });
    const { connection } = subject(server.port, { requiredCaps: ['a', 'b'], caps: ['c'] });
    await connection.open(signal);
    expect(server.clients[0]!.caps).toEqual(new Set(['a', 'b']));
    connection.close('');
  });

  it('does not open without a capability that it requires', async () => {
    await using server = await IrcTestServer.start({
      caps: 'a',
      intercept: (client, line) => {
        if (!line.startsWith('CAP REQ')) return false;
        client.send(`:irc.test CAP * NAK ${line.slice('CAP REQ '.length)}`);
        return true;
      },
    });
    const { connection } = subject(server.port, { requiredCaps: ['a'] });
    await expect(connection.open(signal)).rejects.toMatchObject({
      code: 'irc_connection_failed',
      message: /refuses/,
    });
  });

  it('says what the server said when it ends the connection', async () => {
    await using server = await IrcTestServer.start({
      intercept: (client, line) => {
        if (!line.startsWith('USER')) return false;
        client.send('ERROR :Closing link: too many connections');
        client.socket.end();
        return true;
      },
    });
    const { connection } = subject(server.port);
    await expect(connection.open(signal)).rejects.toThrow('server said: Closing link: too many connections');
  });

  it.each([
    [':tmi.twitch.tv NOTICE * :Login authentication failed', 'irc_login_refused'],
    [':irc.test 464 log :Password incorrect', 'irc_login_refused'],
    [':irc.test NOTICE * :*** Looking up your hostname', 'irc_connection_failed'],
  ])('tells a refused login from a broken connection: %s', async (line, code) => {
    await using server = await IrcTestServer.start({
      intercept: (client, sent) => {
        if (!sent.startsWith('USER')) return false;
        client.send(line);
        client.socket.end();
        return true;
      },
    });
    await expect(subject(server.port).connection.open(signal)).rejects.toMatchObject({ code });
  });

  it('gives up a server that never registers it, and one that is not there', async () => {
    await using server = await IrcTestServer.start({ intercept: () => true });
    await expect(subject(server.port, { registerTimeoutMs: 50 }).connection.open(signal)).rejects.toThrow(
      /not registered/,
    );
    await expect(subject(1).connection.open(signal)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('closes when aborted while it opens', async () => {
    await using server = await IrcTestServer.start({ intercept: () => true });
    const controller = new AbortController();
    const opening = subject(server.port).connection.open(controller.signal);
    await waitFor('the connection', () => server.accepted === 1);
    controller.abort();
    await expect(opening).rejects.toThrow('stopped');
  });

  it('stays open while a silent server answers its PINGs', async () => {
    await using server = await IrcTestServer.start();
    const { connection } = subject(server.port, { pingAfterMs: 40, pingTimeoutMs: 2000 });
    await connection.open(signal);
    await waitFor(
      'three PINGs',
      () => server.received.filter((line) => line === 'PING :chatlog').length >= 3,
    );
    expect(connection.isOpen).toBe(true);
    connection.close('');
  });

  it('cannot be made to say two lines at once', async () => {
    await using server = await IrcTestServer.start();
    const { connection } = subject(server.port);
    await connection.open(signal);
    connection.send('JOIN #a\r\nQUIT :injected');
    await waitFor('the line', () => server.received.includes('JOIN #a  QUIT :injected'));
    connection.close('');
  });

  it('survives protocol lines that make no sense', async () => {
    await using server = await IrcTestServer.start();
    const { connection, lines } = subject(server.port);
    await connection.open(signal);
    const senseless = [
      'CAP',
      ':x CAP',
      ':x CAP * ACK',
      'AUTHENTICATE',
      ':x 005',
      ':x 005 log CHANTYPES',
      'PING',
      ':x 433',
      ':x 904',
      'ERROR',
    ];
    server.clients[0]!.send(...senseless, ':ann!a@h PRIVMSG #a :fine');
    await waitFor('all', () => lines.at(-1)?.endsWith(':fine'));
    expect(lines.slice(-senseless.length - 1, -1)).toEqual(senseless);
    expect(connection.isOpen).toBe(true);
    connection.close('');
  });

  it('hands over every byte once, whatever comes in whatever pieces, and never breaks', async () => {
    const listener = net.createServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom(
          '\r\n',
          '\n',
          ':',
          '@',
          ' ',
          'PRIVMSG #a :ü',
          'CAP * ACK :',
          '005 log ',
          'PING ',
          '433 ',
        )
        .map((text) => Buffer.from(text)),
    );
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(chunk, { maxLength: 30 }), async (chunks) => {
          const accepted = once(listener, 'connection') as Promise<[Socket]>;
          const { connection, lines, bytes } = subject(port);
          const opening = connection.open(signal);
          const [socket] = await accepted;
          socket.setNoDelay(true).on('error', () => socket.destroy());
          socket.resume();
          socket.write(':s 001 log :hi\r\n');
          await opening;
          lines.length = 0;
          for (const part of chunks) socket.write(part);
          socket.write('\nEND OF IT\n');
          await waitFor('the end', () => lines.at(-1) === 'END OF IT', { intervalMs: 1 });
          const received = [...lines.map((line) => Buffer.from(line)), ...bytes];
          const expected = splitBytes(Buffer.concat([...chunks, Buffer.from('\nEND OF IT\n')]));
          const sorted = (list: Buffer[]) => list.map((each) => each.toString('latin1')).toSorted();
          expect(sorted(received)).toEqual(sorted(expected));
          connection.close('');
          socket.destroy();
        }),
        { numRuns: 60 },
      );
    } finally {
      listener.close();
    }
  });
});

/** Lines without their ends, empty ones left out. */
function splitBytes(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0, end = bytes.indexOf(10); end >= 0; start = end + 1, end = bytes.indexOf(10, start)) {
    const line = bytes.subarray(start, bytes[end - 1] === 13 && end > start ? end - 1 : end);
    if (line.length > 0) lines.push(line);
  }
  return lines;
}
