/**
 * Bytes from a socket to events: the real transport and the real Twitch connector, on a connection that stays up. Every
 * complete line has to come out exactly once, in order, and to be rebuilt byte for byte from what a record holds of it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc, { type Arbitrary } from 'fast-check';
import { configSchema } from '../../src/config/schema.ts';
import type { ConnectorContext, EventSink } from '../../src/connectors/connector.ts';
import { fakeContext } from '../../src/connectors/testing/fakes.ts';
import { runConnector } from '../../src/connectors/testing/run-connector.ts';
import { rebuildTwitchLine } from '../../src/connectors/twitch/rebuild-twitch-line.ts';
import { TwitchConnector } from '../../src/connectors/twitch/twitch-connector.ts';
import type { CapturedEvent, ChatEvent } from '../../src/event.ts';
import { twitchControlLine, twitchLine } from '../support/arbitrary-lines.ts';
import { commandOf } from '../support/corpus.ts';
import { startTwitchServer } from '../support/twitch-server.ts';
import { waitFor } from '../support/wait-for.ts';
import type { FuzzProperty } from './property.ts';

const CHANNEL = 'the_channel_of_the_fuzzer';
const MARKER = ':fuzz PRIVMSG #fuzz :the end of case ';
/** As `line-splitter.ts` promises. */
const PIECE_BYTES = 64 * 1024;

/** What says something about the connection alone is not recorded. */
const UNRECORDED = new Set(
  'PING PONG CAP RECONNECT GLOBALUSERSTATE USERSTATE 001 002 003 004 353 366 372 375 376'.split(' '),
);
/** What ends the connection, or makes it another one: the connector's own tests are about these. */
const ENDS_IT = new Set(['RECONNECT', 'ERROR', 'CAP']);

const someBytes = fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes));
const line = fc.oneof(
  { weight: 6, arbitrary: twitchLine() },
  { weight: 1, arbitrary: twitchControlLine() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
  {
    weight: 2,
    arbitrary: fc.string({
      unit: fc.constantFrom(...'@:;= #!\\\t\0.aZ09\x01/,-', 'PRIVMSG', 'tmi-sent-ts=', 'id=', 'CLEARCHAT'),
      maxLength: 40,
    }),
  },
);
const piece: Arbitrary<Buffer> = fc.oneof(
  { weight: 12, arbitrary: line.map((text) => Buffer.from(text)) },
  { weight: 3, arbitrary: fc.tuple(line, someBytes, fc.nat()).map(overwritten) },
  { weight: 2, arbitrary: someBytes },
  { weight: 1, arbitrary: fc.tuple(line, fc.nat({ max: 200_000 })).map(lengthened) },
);
const lineEnd = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r\r\n', '\n\n', '\r\n\r\n');
const stream = fc.array(fc.tuple(piece, lineEnd), { minLength: 1, maxLength: 40 }).map((pieces) => {
  const bytes = Buffer.concat(pieces.flatMap(([part, end]) => [part, Buffer.from(end)]));
  return Buffer.concat(linesIn(bytes).flatMap((one) => (endsIt(one) ? [] : [one, Buffer.from('\r\n')])));
});
/** Where the stream is cut, as shares of it. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

export const twitchBytes: FuzzProperty = {
  name: 'bytes from Twitch: every line is kept once and can be rebuilt',
  suiteRuns: 150,
  async check(options) {
    await using session = await openSession();
    let lines = 0;
    await fc.assert(
      fc.asyncProperty(stream, cuts, async (bytes, at) => {
        const events = await session.send(bytes, at);
        const expected = linesIn(bytes).filter(isRecorded).flatMap(inPieces);
        compare(events, expected);
        lines += expected.length;
      }),
      options,
    );
    if (session.parseFailures !== session.rawEvents) {
      throw new Error(`${session.parseFailures} parse failures counted, ${session.rawEvents} raw lines`);
    }
    return `${lines} lines`;
  },
};

async function openSession() {
  const server = await startTwitchServer({ tls: false });
  const context = fakeContext();
  const pushed: CapturedEvent[] = [];
  let rawEvents = 0;
  const sink: EventSink = {
    push: (captured) => {
      if (captured.event.type === 'raw') rawEvents++;
      return pushed.push(captured) > 0;
    },
    full: false,
    drained: async () => {},
    recorded: async () => {},
  };
  const twitch = { host: '127.0.0.1', port: server.port, tls: false, backfill: { enabled: false } };
  const config = configSchema.parse({ twitch }).twitch!;
  const connector = new TwitchConnector(config, {
    ...context,
    sink,
    parseFailure: () => context.parseFailure(),
  } satisfies ConnectorContext);
  connector.setChannels([{ name: CHANNEL }]);
  const running = runConnector(connector);
  await waitFor('the join', () => connector.status().channels[0]?.state === 'joined');
  const link = server.connections()[0]!;
  let cases = 0;
  const mark = async () => {
    const end = MARKER + ++cases;
    link.sendBytes(`${end}\r\n`);
    const isThere = () => pushed.at(-1)?.event.message === end.slice(MARKER.indexOf('the end'));
    for (let turn = 0; !isThere(); turn++) {
      if (server.accepted !== 1) throw new Error('the connection was lost');
      if (turn > 200_000) throw new Error('the end of the case did not arrive');
      await nextTurn();
    }
    pushed.pop();
    return pushed.splice(0);
  };
  await mark();
  return {
    get parseFailures() {
      return context.parseFailures;
    },
    get rawEvents() {
      return rawEvents;
    },
    /** Sends bytes in pieces and returns what came of them. */
    async send(bytes: Buffer, at: readonly number[]): Promise<CapturedEvent[]> {
      const positions = at.map((share) => Math.floor(share * bytes.length)).sort((a, b) => a - b);
      let start = 0;
      for (const position of [...positions, bytes.length]) {
        link.sendBytes(bytes.subarray(start, position));
        start = position;
        await nextTurn();
      }
      return mark();
    },
    async [Symbol.asyncDispose]() {
      await running.stop();
      await server.close();
    },
  };
}

function compare(events: readonly CapturedEvent[], expected: readonly Buffer[]): void {
  for (let index = 0; index < Math.max(events.length, expected.length); index++) {
    const wanted = expected[index];
    const captured = events[index];
    const kept = captured && keptBytes(captured.event);
    if (wanted && kept?.equals(wanted)) continue;
    const shown = JSON.stringify(captured?.event)?.slice(0, 2_000);
    throw new Error(`line ${index}: said ${wanted?.toString('latin1')}\nkept ${shown}`);
  }
}

/** What a reader of the archive gets back: the event went through JSON. */
function keptBytes(event: ChatEvent): Buffer {
  const read = JSON.parse(JSON.stringify(event)) as ChatEvent;
  if (read.raw_base64 !== undefined) return Buffer.from(read.raw_base64, 'base64');
  return Buffer.from(rebuildTwitchLine(read));
}

/** Without line ends; empty ones are none. */
function linesIn(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const one = bytes.subarray(start, bytes[end - 1] === 0x0d && end > start ? end - 1 : end);
    if (one.length > 0) lines.push(one);
    start = end + 1;
  }
  return lines;
}

function isRecorded(bytes: Buffer): boolean {
  const isText = Buffer.from(bytes.toString('utf8')).equals(bytes);
  return !isText || bytes.length > PIECE_BYTES || !UNRECORDED.has(commandOf(bytes.toString('utf8')));
}

function endsIt(bytes: Buffer): boolean {
  return ENDS_IT.has(commandOf(bytes.toString('utf8')));
}

function inPieces(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    pieces.push(bytes.subarray(start, start + PIECE_BYTES));
  }
  return pieces;
}

function overwritten([text, bytes, at]: [string, Buffer, number]): Buffer {
  const result = Buffer.from(text);
  bytes.subarray(0, 5).copy(result, at % Math.max(1, result.length));
  return result;
}

function lengthened([text, bytes]: [string, number]): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(bytes, 'x')]);
}
