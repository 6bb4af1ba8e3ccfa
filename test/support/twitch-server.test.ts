import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { randomChunks, slowDrip } from './chunked-writer.ts';
import { corpusLines, corpusLinesOn } from './corpus.ts';
import { connectIrcUser, type IrcUser, openIrcUser } from './irc-user.ts';
import { startTwitchServer, type TwitchServer } from './twitch-server.ts';
import { waitFor } from './wait-for.ts';

const EVERYTHING = ['twitch.tv/tags', 'twitch.tv/commands', 'twitch.tv/membership'];
const LINE = '@id=1;room-id=7 :bob!bob@bob.tmi.twitch.tv PRIVMSG #pond :hello';

/** An anonymous client with all capabilities, connected without TLS. */
function viewer(twitch: TwitchServer, nick = 'justinfan1'): Promise<IrcUser> {
  return connectIrcUser({ port: twitch.port, nick, capabilities: EVERYTHING });
}

function chatOf(user: IrcUser): string[] {
  return user.lines.filter((line) => line.includes(' PRIVMSG '));
}

function closedBy(twitch: TwitchServer, user: IrcUser): Promise<unknown> {
  return waitFor(
    `connection of ${user.nick} closed (${twitch.connections().length} open)`,
    () => user.closed,
  );
}

describe('the handshake', () => {
  test('is done over TLS by a client that trusts the authority and nobody else', async () => {
    await using twitch = await startTwitchServer();
    const ca = await readFile(twitch.caFile!, 'utf8');
    await using user = await connectIrcUser({ port: twitch.port, nick: 'justinfan1', ca });
    expect(user.lines[0]).toBe(':tmi.twitch.tv 001 justinfan1 :Welcome, GLHF!');
    expect(user.lines.map((line) => line.split(' ')[1])).toEqual(
      expect.arrayContaining(['001', '002', '003', '004', '375', '372', '376']),
    );
    twitch.faults.certificate = 'wrong-host';
    await expect(openIrcUser({ port: twitch.port, nick: 'a', ca })).rejects.toThrow(/altnames/);
    twitch.faults.certificate = 'untrusted';
    await expect(openIrcUser({ port: twitch.port, nick: 'a', ca })).rejects.toThrow(/certificate/);
  });

  test('names the capabilities, grants the known ones and refuses the others', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using user = await openIrcUser({ port: twitch.port, nick: 'justinfan1' });
    user.send('CAP LS 302');
    await user.heard(/^:tmi.twitch.tv CAP \* LS :twitch.tv\/commands twitch.tv\/membership twitch.tv\/tags$/);
    user.send('CAP REQ :twitch.tv/tags twitch.tv/commands');
    await user.heard(/^:tmi.twitch.tv CAP \* ACK :twitch.tv\/tags twitch.tv\/commands$/);
    user.send('CAP REQ :sasl');
    await user.heard(/^:tmi.twitch.tv CAP \* NAK :sasl$/);
    user.send('NICK justinfan1');
    await user.heard(/ 001 justinfan1 /);
  });

  test('logs accounts in by token and turns wrong tokens away', async () => {
    await using twitch = await startTwitchServer({ tls: false, accounts: { ann: 'secret' } });
    const login = { port: twitch.port, nick: 'ann', capabilities: EVERYTHING };
    await using user = await connectIrcUser({ ...login, password: 'oauth:secret' });
    await user.heard(/GLOBALUSERSTATE$/);
    await using liar = await openIrcUser(login);
    liar.send('PASS oauth:wrong');
    liar.send('NICK ann');
    await liar.heard(/^:tmi.twitch.tv NOTICE \* :Login authentication failed$/);
    await closedBy(twitch, liar);
    await using sloppy = await openIrcUser(login);
    sloppy.send('PASS secret');
    sloppy.send('NICK ann');
    await sloppy.heard(/NOTICE \* :Improperly formatted auth$/);
    await closedBy(twitch, sloppy);
  });

  test('answers PING, sends its own and drops who does not answer', async () => {
    await using twitch = await startTwitchServer({ tls: false, pingIntervalMs: 30, pongTimeoutMs: 300 });
    await using user = await viewer(twitch);
    await using rude = await viewer(twitch, 'justinfan2');
    rude.ignorePings = true;
    user.send('PING :42');
    await user.heard(/^:tmi.twitch.tv PONG tmi.twitch.tv :42$/);
    await closedBy(twitch, rude);
    expect(user.closed).toBe(false);
    expect(user.lines).toContain('PING :tmi.twitch.tv');
  });
});

describe('a channel', () => {
  test('confirms the join, delivers to everyone joined at that moment, and lets go on PART', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using ann = await viewer(twitch);
    await using bob = await viewer(twitch, 'justinfan2');
    await ann.join('#pond');
    await ann.heard(/^:justinfan1!justinfan1@justinfan1.tmi.twitch.tv JOIN #pond$/);
    await ann.heard(/^@emote-only=0;.*room-id=\d+;.* :tmi.twitch.tv ROOMSTATE #pond$/);
    expect(twitch.sayTo('pond', LINE)).toBe(1);
    await bob.join('#pond');
    expect(twitch.joined('pond')).toBe(2);
    expect(twitch.sayTo('pond', LINE.replace('hello', 'again'))).toBe(2);
    await bob.heard(/:again$/);
    expect(chatOf(bob)).toHaveLength(1);
    ann.send('PART #pond');
    await ann.heard(/PART #pond$/);
    expect(twitch.sayTo('pond', LINE)).toBe(1);
    expect(twitch.history.of('pond')).toHaveLength(3);
    expect(twitch.received.map((entry) => entry.line)).toContain('PART #pond');
  });

  test('gives a client without capabilities neither tags nor commands', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using user = await connectIrcUser({ port: twitch.port, nick: 'justinfan1' });
    await user.join('#pond');
    twitch.sayTo('pond', '@room-id=7 :tmi.twitch.tv CLEARCHAT #pond', LINE);
    await user.heard(/^:bob!bob@bob.tmi.twitch.tv PRIVMSG #pond :hello$/);
    expect(user.lines.filter((line) => /ROOMSTATE|CLEARCHAT/.test(line))).toEqual([]);
  });

  test.each([
    ['banned', 'msg_banned'],
    ['suspended', 'msg_channel_suspended'],
    ['not_found', 'msg_room_not_found'],
    ['limit', 'msg_concurrent_channel_limit_reached'],
  ] as const)('that is refused as %s answers with NOTICE %s', async (refusal, id) => {
    await using twitch = await startTwitchServer({ tls: false, refusals: new Map([['pond', refusal]]) });
    await using user = await viewer(twitch);
    user.send('JOIN #pond');
    await user.heard(new RegExp(`^@msg-id=${id} :tmi.twitch.tv NOTICE #pond :`));
    expect(twitch.joined('pond')).toBe(0);
  });

  test('that does not exist is answered with silence', async () => {
    await using twitch = await startTwitchServer({ tls: false, refusals: new Map([['pond', 'unknown']]) });
    await using user = await viewer(twitch);
    user.send('JOIN #pond,#lake');
    await user.heard(/366 .*#lake/);
    expect(user.lines.filter((line) => line.includes('#pond'))).toEqual([]);
  });

  test('beyond the limit of an account is refused, over all its connections', async () => {
    await using twitch = await startTwitchServer({ tls: false, channelsMax: 2 });
    const login = { port: twitch.port, nick: 'ann', password: 'oauth:x', capabilities: EVERYTHING };
    await using first = await connectIrcUser(login);
    await using second = await connectIrcUser(login);
    await first.join('#one');
    await second.join('#two');
    second.send('JOIN #three');
    await second.heard(/msg_concurrent_channel_limit_reached/);
  });

  test('beyond the join budget is dropped without a word', async () => {
    await using twitch = await startTwitchServer({ tls: false, joinBudget: { joins: 3, perMs: 60_000 } });
    await using user = await viewer(twitch);
    user.send('JOIN #a,#b');
    user.send('JOIN #c,#d');
    user.send('JOIN #e');
    user.send('PING :done');
    await user.heard(/PONG .*:done$/);
    expect(user.lines.filter((line) => / 366 /.test(line))).toHaveLength(3);
    expect(twitch.joinsOverBudget).toBe(2);
  });
});

describe('a replay', () => {
  test('brings every line of the corpus in order, byte for byte, over TLS in random pieces', async () => {
    await using twitch = await startTwitchServer();
    twitch.faults.chunking = randomChunks(7, 20_000);
    const ca = await readFile(twitch.caFile!, 'utf8');
    await using user = await connectIrcUser({
      port: twitch.port,
      nick: 'justinfan1',
      ca,
      capabilities: EVERYTHING,
    });
    await user.join('#xqcow');
    const before = user.lines.length;
    await twitch.replay(corpusLines());
    await waitFor('all lines', () => user.lines.length >= before + 5_000);
    expect(user.lines.filter((line) => line.startsWith('@') && !line.includes('ROOMSTATE'))).toEqual(
      corpusLines(),
    );
  });

  test('follows a rate, and goes to the channel that it is told', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using user = await viewer(twitch);
    await user.join('#pond');
    const lines = corpusLinesOn('pond').slice(0, 50);
    const started = performance.now();
    await twitch.replay(lines, { perSecond: 500, channel: 'pond' });
    expect(performance.now() - started).toBeGreaterThan(90);
    await user.heard(new RegExp(lines.at(-1)!.split(';id=')[1]!.slice(0, 36)));
  });

  test('waits for a client that does not read', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using user = await viewer(twitch);
    await user.join('#pond');
    user.pause();
    const big = Array.from({ length: 1_000 }, () => `${LINE}${'x'.repeat(20_000)}`);
    let done = false;
    const replaying = twitch.replay(big).then(() => {
      done = true;
    });
    await waitFor('a backlog', () => twitch.connections()[0]!.backlogBytes > 1_000_000);
    expect(done).toBe(false);
    user.resume();
    await replaying;
    await waitFor('everything', () => chatOf(user).length === 1_000);
  });
});

describe('a fault', () => {
  test('dropBeforeWelcome closes so many connections before 001', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    twitch.faults.dropBeforeWelcome = 1;
    await using unlucky = await openIrcUser({ port: twitch.port, nick: 'justinfan1' });
    unlucky.send('NICK justinfan1');
    await closedBy(twitch, unlucky);
    expect(unlucky.lines).toEqual([]);
    await using lucky = await viewer(twitch);
    expect(lucky.closed).toBe(false);
  });

  test('deafConnections accepts and never answers', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    twitch.faults.deafConnections = 1;
    await using deaf = await openIrcUser({ port: twitch.port, nick: 'justinfan1' });
    deaf.send('NICK justinfan1');
    await using next = await viewer(twitch, 'justinfan2');
    expect(next.closed).toBe(false);
    expect(deaf.chunks).toEqual([]);
    expect(deaf.closed).toBe(false);
  });

  test('freezeAll leaves sockets open and silent, while new connections work', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using frozen = await viewer(twitch);
    await frozen.join('#pond');
    twitch.freezeAll();
    const heard = frozen.lines.length;
    frozen.send('PING :1');
    expect(twitch.sayTo('pond', LINE)).toBe(0);
    await using fresh = await viewer(twitch, 'justinfan2');
    await fresh.join('#pond');
    expect(twitch.sayTo('pond', LINE)).toBe(1);
    expect(frozen.lines).toHaveLength(heard);
    expect(frozen.closed).toBe(false);
  });

  test('ignorePings, ignoreCapLs and ignoreJoins leave just that unanswered', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using user = await viewer(twitch);
    Object.assign(twitch.faults, { ignorePings: true, ignoreCapLs: true, ignoreJoins: true });
    user.send('PING :1');
    user.send('CAP LS 302');
    user.send('JOIN #pond');
    user.send('NONSENSE');
    await user.heard(/ 421 justinfan1 NONSENSE /);
    expect(user.lines.filter((line) => /PONG| LS |#pond/.test(line))).toEqual([]);
  });

  test('ghostJoins confirms a join and delivers nothing, until the channel is joined anew', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    twitch.faults.ghostJoins.set('pond', 1);
    await using user = await viewer(twitch);
    await user.join('#pond');
    expect(twitch.sayTo('pond', LINE)).toBe(0);
    user.send('PART #pond');
    user.send('JOIN #pond');
    await waitFor('the real join', () => twitch.joined('pond') === 1);
    twitch.sayTo('pond', LINE.replace('hello', 'now'));
    await user.heard(/:now$/);
    expect(chatOf(user)).toHaveLength(1);
  });

  test('dropMidLine brings a part of a line and closes', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using user = await viewer(twitch);
    twitch.connections()[0]!.dropMidLine(LINE, 20);
    await closedBy(twitch, user);
    expect(
      Buffer.concat(user.chunks)
        .toString()
        .endsWith(`\r\n${LINE.slice(0, 20)}`),
    ).toBe(true);
  });

  test('slow drip brings the same bytes, a few at a time', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using user = await viewer(twitch);
    await user.join('#pond');
    twitch.faults.chunking = slowDrip(16, 1);
    const before = user.chunks.length;
    twitch.sayTo('pond', LINE);
    await user.heard(/:hello$/);
    expect(user.chunks.length - before).toBeGreaterThan(1);
  });

  test('refuse turns new connections away, keeps the open ones, and accept lets them in again', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using user = await viewer(twitch);
    await twitch.refuse();
    await expect(openIrcUser({ port: twitch.port, nick: 'x' })).rejects.toThrow(/ECONNREFUSED/);
    user.send('PING :still');
    await user.heard(/:still$/);
    await twitch.accept();
    await using late = await viewer(twitch, 'justinfan2');
    expect(late.closed).toBe(false);
  });

  test('bytes that are no line at all go out as they are', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using user = await viewer(twitch);
    await user.join('#pond');
    const invalid = Buffer.from(':b PRIVMSG #pond :\xff\xfe\0', 'latin1');
    twitch.sayTo('pond', invalid);
    twitch.connections()[0]!.sendBytes('x'.repeat(100_000));
    await waitFor('all bytes', () =>
      Buffer.concat(user.chunks).toString('latin1').endsWith('x'.repeat(100_000)),
    );
    expect(Buffer.concat(user.chunks).includes(invalid)).toBe(true);
    expect(twitch.history.of('pond')).toEqual([]);
  });

  test('askToReconnect says RECONNECT and leaves the connection to the client', async () => {
    await using twitch = await startTwitchServer({ tls: false });
    await using user = await viewer(twitch);
    twitch.connections()[0]!.askToReconnect();
    await user.heard(/^:tmi.twitch.tv RECONNECT$/);
    expect(user.closed).toBe(false);
  });
});
