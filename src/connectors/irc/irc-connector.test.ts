import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { configSchema } from '../../config/schema.ts';
import { type FakeContext, fakeContext } from '../testing/fakes.ts';
import { type IrcServerOptions, IrcTestServer } from '../testing/irc-server.ts';
import { runConnector } from '../testing/run-connector.ts';
import { IrcConnector, type IrcTiming } from './irc-connector.ts';
import { rebuildIrcLine } from './irc-event.ts';

const CAPS = 'server-time message-tags batch multi-prefix draft/chathistory echo-message away-notify';

interface Setup {
  connector: IrcConnector;
  context: FakeContext;
}

function setUp(server: IrcTestServer, overrides: object = {}, timing: Partial<IrcTiming> = {}): Setup {
  const context = fakeContext();
  const network = configSchema.parse({
    irc: {
      test: {
        host: '127.0.0.1',
        port: server.port,
        tls: false,
        nick: 'log',
        join_interval_seconds: 0.01,
        join_timeout_seconds: 1,
        backoff: { min_seconds: 0.02, max_seconds: 0.1 },
        ...overrides,
      },
    },
  }).irc.test!;
  return {
    connector: new IrcConnector('test', network, context, { timing: { tickMs: 20, ...timing } }),
    context,
  };
}

async function joinedSetUp(server: IrcTestServer, channels: string[], overrides: object = {}) {
  const setup = setUp(server, overrides);
  setup.connector.setChannels(channels.map((name) => ({ name })));
  const running = runConnector(setup.connector);
  await waitFor('the joins', () => Object.values(states(setup)).every((state) => state === 'joined'));
  return { ...setup, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

const states = ({ connector }: Setup) =>
  Object.fromEntries(connector.status().channels.map(({ channel, state }) => [channel, state]));

const start = (options: IrcServerOptions = {}) => IrcTestServer.start({ caps: CAPS, ...options });

describe('the IRC connector', () => {
  it('records what happens in a channel, with the right fields, and every line can be rebuilt', async () => {
    await using server = await start();
    await using setup = await joinedSetUp(server, ['#Chat']);
    const time = new Date(Date.now() - 1000).toISOString();
    const lines = [
      `@time=${time};msgid=abc;account=ann1 :ann!a@host PRIVMSG #Chat :hello there`,
      ':ann!a@host PRIVMSG #Chat :\x01ACTION waves\x01',
      ':op!o@host NOTICE #Chat :mind the gap',
      ':bob!b@host JOIN :#Chat',
      ':bob!b@host PART #Chat :bye',
      ':op!o@host KICK #Chat plain :out with you',
      ':op!o@host MODE #Chat +b *!*@bad.host',
      ':op!o@host MODE #Chat -b *!*@bad.host',
      ':op!o@host MODE #Chat +mv ann',
      ':op!o@host TOPIC #Chat :new topic',
      ':op!o@host PRIVMSG #CHAT :from an operator, spelt otherwise',
      ':irc.test 999999 log :what is this',
    ];
    server.say('#Chat', ...lines);
    await waitFor('all', () => setup.context.sink.pushed.length >= lines.length);
    const events = setup.context.sink.pushed;
    expect(events.map(({ event }) => rebuildIrcLine(event))).toEqual(lines);
    expect(events[0]).toMatchObject({
      identity: 'abc',
      timeMs: Date.parse(time),
      unsampled: false,
      event: {
        timestamp: time,
        channel: '#Chat',
        username: 'ann',
        user_id: 'ann1',
        message: 'hello there',
        id: 'abc',
        platform: 'irc-test',
      },
    });
    expect(events[0]!.event.raw).toBeUndefined();
    expect(events[1]!.event).toMatchObject({ action: true, message: 'waves' });
    expect(events.slice(2).map(({ event }) => event.type)).toEqual([
      'notice',
      'join',
      'part',
      'timeout',
      'ban',
      'unban',
      'room',
      'room',
      undefined,
      'raw',
    ]);
    expect(events[5]!.event).toMatchObject({
      moderator: 'op',
      target: 'plain',
      reason: 'out with you',
      platform_event: 'KICK',
    });
    expect(events[6]!.event).toMatchObject({ moderator: 'op', target: '*!*@bad.host' });
    expect(events[10]).toMatchObject({ unsampled: true, event: { channel: '#Chat' } });
    expect(setup.context.parseFailures).toBe(1);
  });

  it('records a quit or a new nick once for every channel where the user was', async () => {
    await using server = await start();
    await using setup = await joinedSetUp(server, ['#a', '#b', '#c']);
    const [client] = server.clients;
    client!.send(
      ':ann!a@h JOIN :#a',
      ':ann!a@h JOIN :#b',
      '@msgid=n1 :ann!a@h NICK :anna',
      '@msgid=q1 :anna!a@h QUIT :gone',
    );
    client!.send(':stranger!s@h QUIT :never seen');
    await waitFor('the stranger', () => setup.context.sink.events('part').length === 3);
    expect(setup.context.sink.events('presence').map(({ channel, target }) => [channel, target])).toEqual([
      ['#a', 'anna'],
      ['#b', 'anna'],
    ]);
    expect(
      setup.context.sink.events('part').map(({ channel, username, message }) => [channel, username, message]),
    ).toEqual([
      ['#a', 'anna', 'gone'],
      ['#b', 'anna', 'gone'],
      ['*', 'stranger', 'never seen'],
    ]);
  });

  it('takes another nick when its own is in use, and its own again when it can', async () => {
    await using server = await start({
      intercept: (client, line) => {
        if (line !== 'NICK log' || client.registered) return false;
        client.send(':irc.test 433 * log :Nickname is already in use');
        return true;
      },
    });
    const setup = setUp(server, {}, { regainNickMs: 50 });
    setup.connector.setChannels([{ name: '#a' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the join', () => states(setup)['#a'] === 'joined');
    expect(server.received).toContain('NICK log_');
    await waitFor('the old nick', () => server.clients[0]?.nick === 'log');
  });

  it('logs in by SASL PLAIN', async () => {
    await using server = await start({
      caps: `${CAPS} sasl=PLAIN`,
      intercept: (client, line) => {
        if (line === 'AUTHENTICATE PLAIN') client.send('AUTHENTICATE +');
        else if (line.startsWith('AUTHENTICATE ')) {
          client.send(
            ':irc.test 900 log log!u@h acc :You are now logged in',
            ':irc.test 903 log :SASL successful',
          );
        }
        return line.startsWith('AUTHENTICATE');
      },
    });
    await using setup = await joinedSetUp(server, ['#a'], { sasl: { account: 'acc', password: 'secret' } });
    const token = Buffer.from('acc\0acc\0secret').toString('base64');
    expect(server.received).toContain(`AUTHENTICATE ${token}`);
    expect(states(setup)).toEqual({ '#a': 'joined' });
  });

  it('identifies to NickServ before it joins, and does not record its password', async () => {
    await using server = await start({
      intercept: (client, line) => {
        if (!line.startsWith('PRIVMSG NickServ')) return false;
        client.send(
          `:${client.mask} ${line}`,
          `:NickServ!s@services NOTICE ${client.nick} :You are now identified`,
        );
        return true;
      },
    });
    await using setup = await joinedSetUp(server, ['#a'], {
      nickserv_password: 'hunter2',
      server_password: 'gate',
    });
    const order = ['PASS gate', 'PRIVMSG NickServ :IDENTIFY hunter2', 'JOIN #a'].map((line) =>
      server.received.indexOf(line),
    );
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(order).not.toContain(-1);
    expect(JSON.stringify(setup.context.sink.pushed)).not.toContain('hunter2');
    expect(setup.context.sink.events('private')).toMatchObject([{ username: 'NickServ', channel: '*' }]);
  });

  it('joins beyond the first ten at its pace, with keys', async () => {
    await using server = await start();
    const setup = setUp(server, { join_interval_seconds: 0.05 });
    const names = Array.from({ length: 14 }, (_, n) => `#c${n}`);
    setup.connector.setChannels(names.map((name) => ({ name, key: 'k' })));
    const startedMs = performance.now();
    await using _ = runConnector(setup.connector);
    await waitFor('all joins', () => names.every((name) => server.joined(name) === 1));
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(150);
    expect(server.received).toContain('JOIN #c13 k');
  });

  it.each([
    ['403', 'not_found'],
    ['405', 'limit'],
    ['471', 'retrying'],
    ['473', 'retrying'],
    ['474', 'banned'],
    ['475', 'banned'],
    ['477', 'retrying'],
  ])('says why a join is refused: %s means %s', async (numeric, state) => {
    await using server = await start({
      intercept: (client, line) => {
        if (!line.startsWith('JOIN #no')) return false;
        client.send(`:irc.test ${numeric} ${client.nick} #no :Cannot join`);
        return true;
      },
    });
    const setup = setUp(server, { backoff: { min_seconds: 10, max_seconds: 10 } });
    setup.connector.setChannels([{ name: '#no' }, { name: '#yes' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('both', () => states(setup)['#no'] === state && states(setup)['#yes'] === 'joined');
    const status = setup.connector.status().channels[0]!;
    expect(status.reason).toContain(`${numeric} Cannot join`);
    expect(setup.context.sink.pushed).toEqual([]);
  });

  it('comes back after a kick, with a gap', async () => {
    await using server = await start();
    await using setup = await joinedSetUp(server, ['#a']);
    server.clients[0]!.channels.delete('#a');
    server.clients[0]!.send(':op!o@h KICK #a log :go away');
    await waitFor('the state', () => states(setup)['#a'] === 'retrying');
    expect(setup.connector.status().channels[0]!.reason).toBe('kicked by op: go away');
    await waitFor('the return', () => server.joined('#a') === 1 && states(setup)['#a'] === 'joined');
    expect(setup.context.coverage.lostCauses[0]).toMatchObject({
      channel: '#a',
      cause: 'kicked by op: go away',
    });
    expect(setup.context.sink.events('timeout')).toHaveLength(1);
  });

  it('comes back after a kick whose reason is not UTF-8, and keeps its bytes', async () => {
    await using server = await start();
    await using setup = await joinedSetUp(server, ['#a']);
    server.clients[0]!.channels.delete('#a');
    server.clients[0]!.sendLatin1(':op!o@h KICK #a log :d\u00e9sol\u00e9');
    await waitFor('the state', () => states(setup)['#a'] === 'retrying');
    await waitFor('the return', () => server.joined('#a') === 1 && states(setup)['#a'] === 'joined');
    expect(setup.context.sink.events('raw')).toMatchObject([
      { raw_base64: Buffer.from(':op!o@h KICK #a log :d\u00e9sol\u00e9', 'latin1').toString('base64') },
    ]);
  });

  it('gets in where the welcome is not UTF-8', async () => {
    await using server = await start({
      intercept: (client, line) => {
        if (!line.startsWith('USER ')) return false;
        client.registered = true;
        client.sendLatin1(':irc.test 001 log :Bienvenue \u00e0 tous');
        return true;
      },
    });
    await using setup = await joinedSetUp(server, ['#a']);
    expect(states(setup)).toEqual({ '#a': 'joined' });
  });

  it('fills a gap from the history of the server, page by page, each line once', async () => {
    const said: string[] = [];
    const say = (text: string) => {
      const time = new Date().toISOString();
      said.push(`@time=${time};msgid=m${said.length} :ann!a@h PRIVMSG #a :${text}`);
      return said.at(-1)!;
    };
    await using server = await start({
      isupport: 'CHATHISTORY=2 CASEMAPPING=ascii CHANTYPES=#',
      history: (_channel, point, limit) => {
        const after = point.startsWith('msgid=')
          ? said.findIndex((line) => line.includes(`${point} `)) + 1
          : said.findIndex((line) => line.slice(6, 30) > point.slice(10));
        return after < 0 ? [] : said.slice(after, after + limit);
      },
    });
    await using setup = await joinedSetUp(server, ['#a']);
    await waitFor('the first gap', () => setup.context.coverage.closed.length === 1);
    server.say('#a', say('one'), say('two'));
    await waitFor('the first lines', () => setup.context.sink.texts().length === 2);
    server.dropAll();
    await waitFor('the loss', () => setup.context.coverage.lostCauses.length === 1);
    for (const text of ['three', 'four', 'five']) say(text);
    await waitFor('the gap', () => setup.context.coverage.closed.length === 2);
    server.say('#a', say('six'));
    await waitFor('six', () => setup.context.sink.texts().includes('six'));
    expect(setup.context.sink.texts()).toEqual(['one', 'two', 'three', 'four', 'five', 'six']);
    const gap = setup.context.coverage.closed[1]!;
    expect(gap).toMatchObject({ backfill: 'complete', filled: 3 });
    // The first gap, of the join, brought no lines.
    expect(setup.context.recalls).toEqual([{ channel: '#a', sinceMs: gap.fromMs - 60_000, pushedBefore: 2 }]);
  });

  it('records what a server plays back at the join, once, and does not take it for the answer to its request', async () => {
    const line = (id: string, time: string) => `@time=${time};msgid=${id} :ann!a@h PRIVMSG #a :${id}`;
    const longAgo = new Date(Date.now() - 3_600_000).toISOString();
    await using server = await start({
      caps: `${CAPS} labeled-response`,
      isupport: 'CHATHISTORY=50 CASEMAPPING=ascii CHANTYPES=#',
      intercept: (client, sent) => {
        if (!sent.includes('CHATHISTORY AFTER')) return false;
        const old = [line('old1', longAgo), line('old2', longAgo)];
        const lines = old.map((each) => `@batch=p;${each.slice(1)}`);
        client.send(':irc.test BATCH +p chathistory #a', ...lines, ':irc.test BATCH -p');
        return false;
      },
      history: () => [line('missed', new Date().toISOString())],
    });
    await using setup = await joinedSetUp(server, ['#a']);
    await waitFor('the gap', () => setup.context.coverage.closed.length === 1);
    await waitFor('everything', () => setup.context.sink.texts().length === 3);
    expect(setup.context.sink.texts().toSorted()).toEqual(['missed', 'old1', 'old2']);
    expect(setup.context.recalls).toContainEqual({
      channel: '#a',
      sinceMs: Date.parse(longAgo),
      pushedBefore: expect.any(Number),
    });
    expect(setup.context.coverage.closed[0]).toMatchObject({ backfill: 'complete', filled: 1 });
  });

  it('works with a server that knows no capabilities', async () => {
    await using server = await start({ caps: '' });
    await using setup = await joinedSetUp(server, ['#a']);
    server.say('#a', ':ann!a@h PRIVMSG #a :plain');
    await waitFor('the line', () => setup.context.sink.texts().length === 1);
    expect(setup.context.coverage.closed).toMatchObject([{ channel: '#a', backfill: 'none' }]);
  });

  it('does not connect while there is no channel to record', async () => {
    await using server = await start();
    const setup = setUp(server);
    await using _ = runConnector(setup.connector);
    setup.connector.setChannels([{ name: '#a' }]);
    await waitFor('the join', () => server.joined('#a') === 1);
    setup.connector.setChannels([]);
    await waitFor('the end', () => server.clients.length === 0);
    setup.connector.setChannels([{ name: '#b' }]);
    await waitFor('another join', () => server.joined('#b') === 1);
    expect(server.received.filter((line) => line.startsWith('JOIN'))).toEqual(['JOIN #a', 'JOIN #b']);
  });
});
