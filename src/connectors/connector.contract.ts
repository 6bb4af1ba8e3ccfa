/**
 * What every connector has to do, whatever its platform. A connector's own test calls {@link describeConnector} with
 * a server that plays the platform; see `*.contract.test.ts`.
 */
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../test/support/wait-for.ts';
import type { ChannelState, Connector, ConnectorContext } from './connector.ts';
import { fakeContext } from './testing/fakes.ts';
import { runConnector } from './testing/run-connector.ts';

/** The platform, played by a server on 127.0.0.1. */
export interface ContractServer extends AsyncDisposable {
  /** Says a message in a channel, to every connection that is in it. */
  say(channel: string, text: string): void;
  /** Says something that is no message and no text: bytes that are not UTF-8. */
  babble(channel: string): void;
  /** How many connections are in the channel. */
  joined(channel: string): number;
  /** Connections ever accepted, and open now. */
  readonly accepted: number;
  readonly open: number;
  /** Breaks every connection. */
  dropAll(): void;
}

export interface ContractSubject {
  name: string;
  /** Three names of channels, as the connector is told of them. */
  channels: readonly [string, string, string];
  start(): Promise<ContractServer>;
  /** A connector with short waits; its server, or where there is none. */
  connect(server: ContractServer | undefined, context: ConnectorContext): Connector;
}

export function describeConnector(subject: ContractSubject): void {
  const [first, second, third] = subject.channels;

  async function scene(...channels: string[]) {
    const server = await subject.start();
    const context = fakeContext();
    const connector = subject.connect(server, context);
    connector.setChannels(channels.map((name) => ({ name })));
    const running = runConnector(connector);
    await waitFor('the joins', () => channels.every((name) => stateOf(connector, name) === 'joined'));
    return {
      server,
      context,
      connector,
      running,
      async [Symbol.asyncDispose]() {
        await running.stop();
        await server[Symbol.asyncDispose]();
      },
    };
  }

  describe(`${subject.name}, as every connector,`, () => {
    it('shows each channel on its way from queued to joined', async () => {
      await using server = await subject.start();
      const context = fakeContext();
      const connector = subject.connect(server, context);
      connector.setChannels([{ name: first }, { name: second }]);
      expect(connector.status().channels.map(({ channel, state }) => [channel, state])).toEqual([
        [first, 'queued'],
        [second, 'queued'],
      ]);
      expect(context.coverage.wantedNow).toEqual(new Set([first, second]));
      await using _ = runConnector(connector);
      await waitFor(
        'both',
        () => stateOf(connector, first) === 'joined' && stateOf(connector, second) === 'joined',
      );
      const status = connector.status();
      expect(status.platform).toBe(connector.platform);
      expect(status.connections.every(({ state }) => state === 'connected')).toBe(true);
      expect(status.channels.every(({ sinceMs }) => Math.abs(Date.now() - sinceMs) < 60_000)).toBe(true);
    });

    it('records every message once, in order, with its five fields', async () => {
      await using s = await scene(first, second);
      const texts = Array.from({ length: 500 }, (_, n) => `message ${n} – ü 🎉`);
      for (const [n, text] of texts.entries()) s.server.say(n % 2 === 0 ? first : second, text);
      await waitFor('all', () => s.context.sink.texts().length >= texts.length);
      expect(s.context.sink.texts()).toEqual(texts);
      const { event, timeMs } = s.context.sink.pushed.find((each) => each.event.message === texts[0])!;
      expect(event).toMatchObject({
        channel: first,
        platform: s.connector.platform,
        username: expect.stringMatching(/./),
      });
      expect(new Date(timeMs).toISOString()).toBe(event.timestamp);
      expect(typeof event.user_id).toBe('string');
    });

    it('comes back after its connection broke, and says what is missing', async () => {
      await using s = await scene(first);
      await waitFor('the first gap closed', () => s.context.coverage.closed.length === 1);
      s.server.say(first, 'before');
      await waitFor('before', () => s.context.sink.texts().includes('before'));
      const heardMs = s.context.coverage.heardAtMs(first)!;
      s.server.dropAll();
      await waitFor('the loss', () => s.context.coverage.lostCauses.length === 1);
      const lostMs = Date.now();
      await waitFor('the gap', () => s.context.coverage.closed.length === 2);
      s.server.say(first, 'after');
      await waitFor('after', () => s.context.sink.texts().includes('after'));
      const gap = s.context.coverage.closed[1]!;
      expect(gap.channel).toBe(first);
      expect(gap.fromMs).toBeGreaterThanOrEqual(heardMs);
      expect(gap.fromMs).toBeLessThanOrEqual(lostMs);
      expect(gap.toMs).toBeGreaterThanOrEqual(gap.fromMs);
      expect(gap.cause).toMatch(/^connection lost: ./);
      expect(s.context.recalls, 'there was no history to push').toEqual([]);
      expect(s.context.sink.texts()).toEqual(['before', 'after']);
    });

    it('stops reading while the sink is full, and loses nothing', async () => {
      await using s = await scene(first);
      s.context.sink.full = true;
      const filler = 'x'.repeat(400);
      const total = 40_000;
      for (let n = 0; n < total; n++) s.server.say(first, `${n} ${filler}`);
      await waitFor('the first', () => s.context.sink.texts().length > 0);
      let before = -1;
      await waitFor(
        'a standstill',
        () => {
          const now = s.context.sink.texts().length;
          const isStill = now === before;
          before = now;
          return isStill;
        },
        { intervalMs: 100 },
      );
      expect(before).toBeLessThan(total / 10);
      s.context.sink.full = false;
      await waitFor('all', () => s.context.sink.texts().length >= total, { timeoutMs: 25_000 });
      expect(s.context.sink.texts().map((text) => Number.parseInt(text, 10))).toEqual(
        Array.from({ length: total }, (_, n) => n),
      );
      expect(s.server.accepted).toBe(1);
    });

    it('keeps and counts what it does not understand, and goes on', async () => {
      await using s = await scene(first);
      for (let n = 0; n < 20; n++) s.server.babble(first);
      s.server.say(first, 'sense');
      await waitFor('sense', () => s.context.sink.texts().includes('sense'));
      expect(s.context.sink.events('raw')).toHaveLength(20);
      expect(s.context.parseFailures).toBe(20);
      expect(s.server.accepted).toBe(1);
    });

    it('joins and parts at run time without touching the rest', async () => {
      await using s = await scene(first, second);
      const sinceMs = s.connector.status().channels.find(({ channel }) => channel === second)!.sinceMs;
      s.connector.setChannels([{ name: second }, { name: third }]);
      await waitFor(
        'the change',
        () => s.server.joined(first) === 0 && stateOf(s.connector, third) === 'joined',
      );
      expect(
        s.connector
          .status()
          .channels.map(({ channel }) => channel)
          .toSorted(),
      ).toEqual([second, third].toSorted());
      expect(s.connector.status().channels.find(({ channel }) => channel === second)!.sinceMs).toBe(sinceMs);
      expect(s.context.coverage.wantedNow).toEqual(new Set([second, third]));
      expect(s.context.coverage.lostCauses).toEqual([]);
      s.server.say(second, 'still here');
      s.server.say(third, 'new here');
      await waitFor('both', () => s.context.sink.texts().length === 2);
      expect(s.server.accepted).toBe(1);
    });

    it('leaves one channel and joins it again when asked to, and knows of the gap', async () => {
      await using s = await scene(first, second);
      s.connector.setChannels([{ name: first }, { name: second }], second);
      await waitFor('the gap', () => s.context.coverage.lostCauses.length === 1);
      expect(s.context.coverage.lostCauses).toMatchObject([
        { channel: second, cause: 'rejoined on request' },
      ]);
      await waitFor('joined again', () => stateOf(s.connector, second) === 'joined');
      expect(s.context.coverage.wantedNow).toEqual(new Set([first, second]));
      await waitFor('it on the server', () => s.server.joined(second) === 1);
      s.server.say(second, 'again');
      await waitFor('what is said', () => s.context.sink.texts().includes('again'));
      expect(s.server.accepted).toBe(1);
    });

    it('keeps trying while there is nobody to connect to, and says so', async () => {
      const context = fakeContext();
      const connector = subject.connect(undefined, context);
      connector.setChannels([{ name: first }]);
      await using _ = runConnector(connector);
      const tries = () =>
        context.log.lines.filter(({ message }) => message === 'not connected; trying again').length;
      await waitFor('three tries', () => tries() >= 3);
      expect(stateOf(connector, first)).toBe('queued');
      await waitFor('the reason', () => /ECONNREFUSED/.test(connector.status().connections[0]?.reason ?? ''));
    });

    it('ends soon after abort, also while the sink is full, and leaves nothing open', async () => {
      await using s = await scene(first);
      s.context.sink.full = true;
      s.server.say(first, 'unread');
      await s.running.stop();
      await waitFor('no connections', () => s.server.open === 0);
      expect(s.context.coverage.lostCauses).toMatchObject([{ channel: first, cause: 'chatlog was stopped' }]);
      expect(s.connector.status().connections.every(({ state }) => state === 'closed')).toBe(true);
    });
  });
}

function stateOf(connector: Connector, name: string): ChannelState | undefined {
  return connector.status().channels.find(({ channel }) => channel === name)?.state;
}
