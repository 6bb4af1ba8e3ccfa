import { describe, expect, it } from 'vitest';
import { CORPUS_CHANNEL, corpusLines } from '../../../test/support/corpus.ts';
import { startTwitchServer, type TwitchServer } from '../../../test/support/twitch-server.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { configSchema } from '../../config/schema.ts';
import { type FakeContext, fakeContext } from '../testing/fakes.ts';
import { runConnector } from '../testing/run-connector.ts';
import { rebuildTwitchLine } from './rebuild-twitch-line.ts';
import { LIMIT, type RecentMessagesOptions } from './recent-messages.ts';
import { TwitchConnector } from './twitch-connector.ts';
import type { TwitchTiming } from './twitch-timing.ts';

const FAST: Partial<TwitchTiming> = {
  tickMs: 20,
  registerTimeoutMs: 3000,
  capFallbackMs: 100,
  joinWindowMs: 300,
  overlapLingerMs: 150,
};

interface Setup {
  connector: TwitchConnector;
  context: FakeContext;
}

function setUp(
  twitch: TwitchServer,
  overrides: object = {},
  timing: Partial<TwitchTiming> = {},
  recentMessages: Partial<RecentMessagesOptions> = {},
): Setup {
  const context = fakeContext();
  const config = configSchema.parse({
    twitch: {
      host: 'localhost',
      port: twitch.port,
      tls: twitch.caFile !== undefined,
      ...(twitch.caFile === undefined ? {} : { tls_ca_file: twitch.caFile }),
      join_budget: 1000,
      join_timeout_seconds: 2,
      connect_interval_seconds: 0,
      backoff: { min_seconds: 0.02, max_seconds: 0.2 },
      backfill: { enabled: false },
      ...overrides,
    },
  }).twitch!;
  const connector = new TwitchConnector(config, context, {
    timing: { ...FAST, ...timing },
    recentMessages: {
      fetch: historyOf(twitch),
      spacingMs: 1,
      retryMinMs: 1,
      retryMaxMs: 2,
      ...recentMessages,
    },
  });
  return { connector, context };
}

/** The recent-messages service, as the server remembers its lines. */
function historyOf(twitch: TwitchServer): typeof fetch {
  return async (input) => {
    const url = new URL(String(input));
    const after = Number(url.searchParams.get('after'));
    const channel = url.pathname.split('/').at(-1)!;
    const messages = twitch.history
      .of(channel)
      .filter(({ receivedMs }) => receivedMs > after)
      .slice(-LIMIT)
      .map(({ line, receivedMs }) => line.replace('@', `@historical=1;rm-received-ts=${receivedMs};`));
    return Response.json({ messages, error: null, error_code: null });
  };
}

let serial = 0;

function message(channel: string, text: string, sentMs = Date.now()): string {
  const id = `00000000-0000-4000-8000-${String(++serial).padStart(12, '0')}`;
  return (
    `@badge-info=;badges=;color=;display-name=Ann;emotes=;flags=;id=${id};mod=0;room-id=1;subscriber=0;` +
    `tmi-sent-ts=${sentMs};turbo=0;user-id=2;user-type= :ann!ann@ann.tmi.twitch.tv PRIVMSG #${channel} :${text}`
  );
}

const states = ({ connector }: Setup) =>
  Object.fromEntries(connector.status().channels.map(({ channel, state }) => [channel, state]));

describe('the Twitch connector', () => {
  it('records every line of the corpus once, and the originals can be rebuilt', async () => {
    await using twitch = await startTwitchServer();
    twitch.faults.chunking = undefined;
    const setup = setUp(twitch);
    setup.connector.setChannels([{ name: CORPUS_CHANNEL }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the join', () => states(setup)[CORPUS_CHANNEL] === 'joined');
    const lines = corpusLines().filter(
      (line) => line.includes(` #${CORPUS_CHANNEL} `) || line.endsWith(`#${CORPUS_CHANNEL}`),
    );
    await twitch.replay(lines);
    const seen = () =>
      setup.context.sink.pushed
        .map(({ event }) => rebuildTwitchLine(event))
        .filter((line) => !line.includes('ROOMSTATE'));
    await waitFor('all lines', () => seen().length >= new Set(lines).size);
    expect(new Set(seen())).toEqual(new Set(lines));
    expect(setup.context.parseFailures).toBe(0);
  });

  it('asks for capabilities before it joins, even of a server that never lists them', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    twitch.faults.ignoreCapLs = true;
    const setup = setUp(twitch);
    setup.connector.setChannels([{ name: 'ann' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the join', () => states(setup).ann === 'joined');
    const lines = twitch.received.map(({ line }) => line);
    expect(lines.findIndex((line) => line.startsWith('CAP REQ'))).toBeLessThan(lines.indexOf('JOIN #ann'));
    expect([...twitch.connections()[0]!.capabilities].sort()).toEqual([
      'twitch.tv/commands',
      'twitch.tv/membership',
      'twitch.tv/tags',
    ]);
  });

  it('spreads channels over connections and joins within the budget', async () => {
    await using twitch = await startTwitchServer({ tls: false, joinBudget: { joins: 10, perMs: 200 } });
    const setup = setUp(twitch, { channels_per_connection: 10, join_budget: 10 });
    const names = Array.from({ length: 35 }, (_, n) => `c${n}`);
    setup.connector.setChannels(names.map((name) => ({ name })));
    await using _ = runConnector(setup.connector);
    await waitFor('all joins', () => names.every((name) => twitch.joined(name) === 1));
    expect(twitch.joinsOverBudget).toBe(0);
    expect(twitch.connections()).toHaveLength(4);
    expect(setup.connector.status().connections.map(({ state }) => state)).toEqual(
      Array(4).fill('connected'),
    );
  });

  it('says why a channel is refused, and does not try it again until the configuration changes', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    twitch.refusals.set('bad', 'banned').set('gone', 'suspended');
    const setup = setUp(twitch);
    const channels = [{ name: 'bad' }, { name: 'gone' }, { name: 'fine' }, { name: 'a b\r\nQUIT' }];
    setup.connector.setChannels(channels);
    await using _ = runConnector(setup.connector);
    await waitFor('states', () => states(setup).bad === 'banned' && states(setup).gone === 'suspended');
    await waitFor('the good one', () => states(setup).fine === 'joined');
    expect(states(setup)['a b\r\nQUIT']).toBe('not_found');
    expect(setup.connector.status().channels.find(({ channel }) => channel === 'bad')?.reason).toMatch(
      /banned/,
    );
    twitch.dropAll();
    await waitFor('back', () => twitch.accepted === 2 && states(setup).fine === 'joined');
    expect(states(setup).bad).toBe('banned');
    expect(twitch.received.filter(({ line }) => line.includes('#bad'))).toHaveLength(1);
    twitch.refusals.clear();
    setup.connector.setChannels(channels);
    await waitFor('tried anew', () => states(setup).bad === 'joined');
    expect(twitch.received.some(({ line }) => line.includes('QUIT'))).toBe(false);
  });

  it('pauses at the channel limit and tries again later', async () => {
    await using twitch = await startTwitchServer({ tls: false, channelsMax: 1 });
    const setup = setUp(twitch, {}, { limitMs: 150 });
    setup.connector.setChannels([{ name: 'one' }, { name: 'two' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the limit', () => states(setup).two === 'limit');
    setup.connector.setChannels([{ name: 'two' }]);
    await waitFor('the second try', () => states(setup).two === 'joined');
  });

  it('retries a join that nobody confirms', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    twitch.faults.ignoreJoins = true;
    const setup = setUp(twitch, { join_timeout_seconds: 0.1 });
    setup.connector.setChannels([{ name: 'ann' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('retrying', () => states(setup).ann === 'retrying');
    twitch.faults.ignoreJoins = false;
    await waitFor('the join', () => states(setup).ann === 'joined');
  });

  it('fills the gap of a dropped connection, each line once, and says from when to when', async () => {
    await using twitch = await startTwitchServer();
    const setup = setUp(twitch, { backfill: { enabled: true } });
    setup.connector.setChannels([{ name: 'ann' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the join', () => setup.context.coverage.closed.length === 1);
    twitch.sayTo('ann', message('ann', 'before'));
    await waitFor('before', () => setup.context.sink.texts().includes('before'));
    const heardMs = setup.context.coverage.heardAtMs('ann')!;
    twitch.dropAll();
    await waitFor('the loss', () => setup.context.coverage.lostCauses.length === 1);
    twitch.sayTo('ann', message('ann', 'while away'));
    await waitFor('the gap', () => setup.context.coverage.closed.length === 2);
    twitch.sayTo('ann', message('ann', 'after'));
    await waitFor('after', () => setup.context.sink.texts().includes('after'));
    expect(setup.context.sink.texts()).toEqual(['before', 'while away', 'after']);
    const gap = setup.context.coverage.closed[1]!;
    expect(gap).toMatchObject({ channel: 'ann', backfill: 'complete', filled: 1 });
    expect(gap.fromMs).toBe(heardMs);
    expect(gap.cause).toMatch(/^connection lost: /);
    expect(setup.context.sink.pushed.find(({ event }) => event.message === 'while away')?.event.source).toBe(
      'backfill',
    );
  });

  it('neither fetches nor records the history of a channel that was removed meanwhile', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    twitch.faults.ignoreJoins = true;
    const asked: string[] = [];
    const turn = Promise.withResolvers<void>();
    const history = historyOf(twitch);
    const fetch: typeof globalThis.fetch = async (input, init) => {
      asked.push(new URL(String(input)).pathname.split('/').at(-1)!);
      await turn.promise;
      return history(input, init);
    };
    const setup = setUp(
      twitch,
      { backfill: { enabled: true }, join_timeout_seconds: 60 },
      {},
      { fetch, concurrency: 1 },
    );
    const names = ['ann', 'bob', 'cid'];
    setup.connector.setChannels(names.map((name) => ({ name })));
    await using _ = runConnector(setup.connector);
    await waitFor('the connection', () => twitch.received.some(({ line }) => line.startsWith('JOIN')));
    for (const name of names) twitch.history.add(name, message(name, `missed in ${name}`), Date.now());
    const [session] = twitch.connections();
    for (const name of names) session!.sendBytes(`@room-id=1 :tmi.twitch.tv ROOMSTATE #${name}\r\n`);
    await waitFor('the joins', () => Object.values(states(setup)).every((state) => state === 'joined'));
    await waitFor('the first request', () => asked.length === 1);
    const [waiting, last] = names.filter((name) => name !== asked[0]);
    // One whose request is under way, and one that waits for its turn.
    setup.connector.setChannels([{ name: last! }]);
    turn.resolve();
    await waitFor('the rest', () => setup.context.coverage.closed.length === 1);
    expect(asked).not.toContain(waiting);
    expect(setup.context.sink.texts()).toEqual([`missed in ${last}`]);
    expect(setup.context.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('reconnects after RECONNECT with overlap: nothing missing, nothing twice, no gap', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    const setup = setUp(twitch);
    const names = ['ann', 'bob', 'cid'];
    setup.connector.setChannels(names.map((name) => ({ name })));
    await using _ = runConnector(setup.connector);
    await waitFor('the joins', () => setup.context.coverage.closed.length === 3);
    const [old] = twitch.connections();
    old!.askToReconnect();
    const said: string[] = [];
    await waitFor('the replacement', () => {
      for (const name of names) {
        said.push(`${name} ${said.length}`);
        twitch.sayTo(name, message(name, said.at(-1)!));
        twitch.sayTo(name, `@msg-id=host_on :tmi.twitch.tv NOTICE #${name} :notice ${said.length}`);
      }
      return twitch.accepted === 2 && !old!.open && names.every((name) => twitch.joined(name) === 1);
    });
    await waitFor('all', () => setup.context.sink.texts().length >= said.length);
    expect(setup.context.sink.texts().toSorted()).toEqual(said.toSorted());
    expect(setup.context.sink.duplicates).toBeGreaterThan(0);
    const notices = setup.context.sink
      .events('notice')
      .map(({ message: text, channel }) => `${channel} ${text}`);
    expect(new Set(notices).size).toBe(notices.length);
    expect(notices).toHaveLength(said.length);
    expect(setup.context.coverage.lostCauses).toEqual([]);
    expect(setup.connector.status().connections).toHaveLength(1);
  });

  it('notices a dead socket by the missing answer to its PING', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    const setup = setUp(twitch, { ping_after_seconds: 0.1, ping_timeout_seconds: 0.1 });
    setup.connector.setChannels([{ name: 'ann' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the join', () => twitch.joined('ann') === 1);
    twitch.freezeAll();
    await waitFor('the new connection', () => twitch.accepted === 2 && states(setup).ann === 'joined');
    expect(setup.context.coverage.lostCauses[0]?.cause).toMatch(/no answer to a PING/);
  });

  it('does not take a connection for dead that it does not read itself', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    const setup = setUp(twitch, { ping_after_seconds: 0.05, ping_timeout_seconds: 0.05 });
    setup.connector.setChannels([{ name: 'ann' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the join', () => twitch.joined('ann') === 1);
    setup.context.sink.full = true;
    twitch.sayTo('ann', message('ann', 'pauses the reading'));
    await waitFor('the first', () => setup.context.sink.texts().length === 1);
    twitch.sayTo('ann', message('ann', 'unread'));
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(setup.context.sink.texts()).toHaveLength(1);
    setup.context.sink.full = false;
    await waitFor('the second', () => setup.context.sink.texts().length === 2);
    expect(twitch.accepted).toBe(1);
  });

  it('moves a channel that is joined but not delivered, and fetches what was missed', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    const setup = setUp(
      twitch,
      { backfill: { enabled: true }, silent_after_seconds: 0.15 },
      { ghostIntervals: 3 },
    );
    setup.connector.setChannels([{ name: 'ann' }, { name: 'bob' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the joins', () => setup.context.coverage.closed.length === 2);
    for (let n = 0; n < 6; n++) twitch.sayTo('ann', message('ann', `habit ${n}`));
    await waitFor('the habit', () => setup.context.sink.texts('ann').length === 6);
    twitch.history.add('ann', message('ann', 'never delivered'), Date.now());
    await waitFor('the move', () => twitch.accepted >= 2 && setup.context.sink.texts('ann').length === 7);
    await waitFor('the gap', () =>
      setup.context.coverage.closed.some(({ cause }) => cause.includes('delivered nothing')),
    );
    expect(setup.context.log.lines.some(({ message: text }) => text.includes('ghost join'))).toBe(true);
    await waitFor('one home', () => twitch.joined('ann') === 1);
    expect(states(setup)).toEqual({ ann: 'joined', bob: 'joined' });
  });

  it.each(['not confirmed', 'refused'])('stays where it is delivered when its move is %s', async (how) => {
    await using twitch = await startTwitchServer({ tls: false });
    const setup = setUp(
      twitch,
      { join_timeout_seconds: 0.4, silent_after_seconds: 0.4 },
      { ghostIntervals: 3 },
    );
    setup.connector.setChannels([{ name: 'ann' }, { name: 'bob' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the joins', () => setup.context.coverage.closed.length === 2);
    if (how === 'refused') twitch.refusals.set('ann', 'banned');
    else twitch.faults.ignoreJoins = true;
    for (let n = 0; n < 6; n++) twitch.sayTo('ann', message('ann', `habit ${n}`));
    const received = (command: string) =>
      twitch.received.some(({ connection, line }) => connection === 2 && line === `${command} #ann`);
    await waitFor('the move', () => received('JOIN'));
    // Nobody's home is on the first connection now, and yet it must stay.
    setup.connector.setChannels([{ name: 'ann' }]);
    await waitFor('the end of the move', () => received('PART'));
    await waitFor('one connection', () => setup.connector.status().connections.length === 1);
    expect(twitch.sayTo('ann', message('ann', 'still here'))).toBe(1);
    await waitFor('the line', () => setup.context.sink.texts().includes('still here'));
    expect(states(setup)).toEqual({ ann: 'joined' });
    expect(setup.context.coverage.lostCauses).toEqual([]);
    expect(twitch.connections().some(({ id }) => id === 1)).toBe(true);
  });

  it('shows a refused login as such and tries it again later only', async () => {
    await using twitch = await startTwitchServer({ tls: false, accounts: { ann: 'right' } });
    const setup = setUp(twitch, { username: 'ann', oauth: 'oauth:wrong' });
    setup.connector.setChannels([{ name: 'ann' }]);
    await using running = runConnector(setup.connector);
    await waitFor('the reason', () =>
      setup.connector.status().channels[0]?.reason?.includes('login refused'),
    );
    expect(setup.connector.status().connections[0]).toMatchObject({ state: 'waiting' });
    expect(twitch.accepted).toBe(1);
    await running.stop();
  });

  it('goes on after a drop before 001 and an untrusted certificate, saying what is wrong', async () => {
    await using twitch = await startTwitchServer();
    twitch.faults.certificate = 'untrusted';
    const setup = setUp(twitch);
    setup.connector.setChannels([{ name: 'ann' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the reason', () =>
      /certificate|SELF_SIGNED|UNABLE/i.test(setup.connector.status().connections[0]?.reason ?? ''),
    );
    twitch.faults.certificate = 'good';
    twitch.faults.dropBeforeWelcome = 2;
    await waitFor('the join', () => states(setup).ann === 'joined');
  });

  it('joins and parts at run time without touching the rest', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    const setup = setUp(twitch);
    setup.connector.setChannels([{ name: 'ann' }, { name: 'bob' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the joins', () => twitch.joined('ann') + twitch.joined('bob') === 2);
    setup.connector.setChannels([{ name: 'bob' }, { name: 'cid' }]);
    await waitFor('the change', () => twitch.joined('ann') === 0 && twitch.joined('cid') === 1);
    expect(twitch.received.filter(({ line }) => line.includes('#bob'))).toHaveLength(1);
    expect(setup.context.coverage.wantedNow).toEqual(new Set(['bob', 'cid']));
    expect(twitch.accepted).toBe(1);
  });

  it('keeps what it does not understand, and counts it', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    const setup = setUp(twitch);
    setup.connector.setChannels([{ name: 'ann' }]);
    await using _ = runConnector(setup.connector);
    await waitFor('the join', () => twitch.joined('ann') === 1);
    const invalid = Buffer.concat([Buffer.from(':bob!bob@bob.tmi.twitch.tv PRIVMSG #ann :\xff', 'latin1')]);
    const [session] = twitch.connections();
    session!.sendBytes(Buffer.concat([invalid, Buffer.from('\r\n')]));
    session!.sendBytes(':tmi.twitch.tv NOVELTY #ann :what is this\r\n');
    const long = `:bob!bob@bob.tmi.twitch.tv PRIVMSG #ann :${'x'.repeat(140_000)}`;
    session!.sendBytes(`${long}\r\n`);
    twitch.sayTo('ann', message('ann', 'goes on'));
    await waitFor('the rest', () => setup.context.sink.texts().includes('goes on'));
    const raw = setup.context.sink.events('raw');
    expect(raw[0]).toMatchObject({ channel: 'ann', username: 'bob', raw_base64: invalid.toString('base64') });
    expect(raw[1]).toMatchObject({ raw: ':tmi.twitch.tv NOVELTY #ann :what is this' });
    expect(
      raw
        .slice(2)
        .map(({ raw: text }) => text)
        .join(''),
    ).toBe(long);
    expect(raw.slice(2).map(({ channel }) => channel)).toEqual(['ann', 'ann', 'ann']);
    expect(setup.context.parseFailures).toBe(5);
  });

  it('ends at once when aborted, in whatever state', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    twitch.faults.deafConnections = 1;
    const setup = setUp(twitch, { channels_per_connection: 1 });
    setup.connector.setChannels([{ name: 'ann' }, { name: 'bob' }]);
    const running = runConnector(setup.connector);
    await waitFor('one of two', () => Object.values(states(setup)).includes('joined'));
    await running.stop();
    await waitFor('closed sockets', () => twitch.connections().length === 0);
    expect(setup.context.coverage.lostCauses.map(({ cause }) => cause)).toEqual(['chatlog was stopped']);
  });
});
