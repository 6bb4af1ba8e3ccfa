import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startInspircd } from './inspircd.ts';
import { connectIrcUser, openIrcUser } from './irc-user.ts';
import { waitFor } from './wait-for.ts';

test('two people talk on a real IRC server, one of them over TLS', async () => {
  await using server = await startInspircd();
  const ca = await readFile(server.caFile, 'utf8');
  const capabilities = ['server-time', 'message-tags', 'echo-message', 'batch'];
  await using ann = await connectIrcUser({ port: server.port, nick: 'ann', capabilities });
  await using bob = await connectIrcUser({ port: server.tlsPort, nick: 'bob', ca });
  await ann.join('#pond');
  await bob.join('#pond');
  await ann.heard(/^@time=\S+ :bob!bob@\S+ JOIN :?#pond/);
  bob.say('#pond', 'hello ünïcode 🦆');
  await ann.heard(/^@.*time=\d{4}-.*;?.* :bob!bob@\S+ PRIVMSG #pond :hello ünïcode 🦆$/);
  ann.act('#pond', 'waves');
  await bob.heard(/^:ann!ann@\S+ PRIVMSG #pond :\x01ACTION waves\x01$/);
  await ann.heard(/msgid=\S+ :ann!ann@\S+ PRIVMSG #pond :\x01ACTION waves\x01$/);
  bob.quit('bye');
  await ann.heard(/:bob!bob@\S+ QUIT :bye$/);
});

test('a flood of lines is not held back or punished', async () => {
  await using server = await startInspircd();
  await using ann = await connectIrcUser({ port: server.port, nick: 'ann' });
  await using bob = await connectIrcUser({ port: server.port, nick: 'bob' });
  await ann.join('#pond');
  await bob.join('#pond');
  for (let n = 0; n < 2_000; n++) bob.say('#pond', `line ${n}`);
  await ann.heard(/:line 1999$/);
  expect(ann.lines.filter((line) => line.includes('PRIVMSG'))).toHaveLength(2_000);
  expect(bob.closed).toBe(false);
});

test('a server password is asked for, and closing breaks every connection', async () => {
  const server = await startInspircd({ password: 'secret' });
  await using stranger = await openIrcUser({ port: server.port, nick: 'eve' });
  stranger.send('NICK eve');
  stranger.send('USER eve 0 * :eve');
  await waitFor('the stranger is turned away', () => stranger.closed);
  await using ann = await connectIrcUser({ port: server.port, nick: 'ann', password: 'secret' });
  await server.close();
  await waitFor('the connection is gone', () => ann.closed);
});
