/** The connector against a real server. */
import { describe, expect, it } from 'vitest';
import { startInspircd } from '../../../test/support/inspircd.ts';
import { connectIrcUser } from '../../../test/support/irc-user.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { configSchema } from '../../config/schema.ts';
import { fakeContext } from '../testing/fakes.ts';
import { runConnector } from '../testing/run-connector.ts';
import { IrcConnector } from './irc-connector.ts';
import { rebuildIrcLine } from './irc-event.ts';

describe('the IRC connector on inspircd', () => {
  it('registers over TLS, takes what the server offers, and records what two users do', async () => {
    await using server = await startInspircd({ password: 'gate' });
    const context = fakeContext();
    const { irc } = configSchema.parse({
      irc: {
        real: {
          host: 'localhost',
          port: server.tlsPort,
          tls_ca_file: server.caFile,
          nick: 'log',
          server_password: 'gate',
          backoff: { min_seconds: 0.05, max_seconds: 0.2 },
        },
      },
    });
    const connector = new IrcConnector('real', irc.real!, context, { timing: { tickMs: 20 } });
    connector.setChannels([{ name: '#Talk' }]);
    await using _ = runConnector(connector);
    await waitFor('the join', () => connector.status().channels[0]?.state === 'joined');
    const user = { port: server.port, password: 'gate' };
    await using ann = await connectIrcUser({ ...user, nick: 'ann' });
    await using bob = await connectIrcUser({ ...user, nick: 'bob' });
    for (const each of [ann, bob]) {
      each.send('JOIN #talk');
      await each.heard(/ 366 /);
    }
    ann.say('#talk', 'hello – ü 🎉');
    ann.act('#TALK', 'waves');
    ann.notice('#talk', 'notice this');
    ann.send('NICK anna');
    ann.send('PART #talk :bye');
    await bob.heard(/ PART #Talk/);
    bob.quit('gone');
    await waitFor('the quit', () => context.sink.events('part').length === 2);
    const events = context.sink.pushed.map(({ event }) => event).filter(({ channel }) => channel === '#Talk');
    expect(
      events
        .map(({ type, username, message }) => [type ?? 'message', username, message])
        .filter(([type]) => type !== 'room'),
    ).toEqual([
      ['join', 'ann', ''],
      ['join', 'bob', ''],
      ['message', 'ann', 'hello – ü 🎉'],
      ['message', 'ann', 'waves'],
      ['notice', 'ann', 'notice this'],
      ['presence', 'ann', ''],
      ['part', 'anna', 'bye'],
      ['part', 'bob', expect.stringContaining('gone')],
    ]);
    const said = events.find(({ type }) => type === undefined)!;
    expect(said.id).toMatch(/./);
    expect(said.tags).toMatchObject({ time: said.timestamp, msgid: said.id });
    expect(rebuildIrcLine(said)).toMatch(/^@.*:ann!.* PRIVMSG #Talk :hello – ü 🎉$/);
    expect(context.sink.events('raw')).toEqual([]);
  });
});
