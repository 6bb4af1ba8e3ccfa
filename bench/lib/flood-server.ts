/**
 * A Twitch-like server in a process of its own that sends as fast as it is told: real PRIVMSG lines of the corpus with
 * ids, times and channels of their own. Speaks just the handshake. Arguments: `tcp|tls PERSECOND TOTAL`
 * (0 a second = as fast as the socket takes them). It starts sending on a line `go` on its standard input and prints
 * `listening PORT [CAFILE]`, `joined N` (all channels so far) and `sent N`.
 */
import { createServer as createTcpServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { testAuthority } from '../../test/support/certificates.ts';
import { corpusLines } from '../../test/support/corpus.ts';

const [mode, perSecondText, totalText] = process.argv.slice(2) as [string, string, string];
const perSecond = Number(perSecondText);
const total = Number(totalText);
const templates = corpusLines()
  .filter((line) => line.includes(' PRIVMSG #'))
  .map((line) => line.split(/(?<=[@;]id=)[^;]*|(?<=tmi-sent-ts=)\d+|(?<=PRIVMSG #)\w+/));

const channels: { name: string; socket: Socket }[] = [];

function onClient(socket: Socket): void {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  let nick = 'justinfan1';
  const lines = createInterface({ input: socket });
  // It passes the socket's errors on.
  lines.on('error', () => {});
  lines.on('line', (line) => {
    const [command, ...rest] = line.split(' ');
    const argument = rest.join(' ');
    if (command === 'CAP' && argument.startsWith('LS'))
      socket.write(`:tmi.twitch.tv CAP * LS :twitch.tv/tags twitch.tv/commands twitch.tv/membership\r\n`);
    else if (command === 'CAP' && argument.startsWith('REQ'))
      socket.write(`:tmi.twitch.tv CAP * ACK :${argument.slice(argument.indexOf(':') + 1)}\r\n`);
    else if (command === 'NICK') {
      nick = argument;
      for (const numeric of ['001', '002', '003', '004', '375', '372', '376'])
        socket.write(`:tmi.twitch.tv ${numeric} ${nick} :-\r\n`);
    } else if (command === 'PING') socket.write(`:tmi.twitch.tv PONG tmi.twitch.tv ${argument}\r\n`);
    else if (command === 'JOIN') join(socket, nick, argument);
  });
}

function join(socket: Socket, nick: string, names: string): void {
  for (const name of names.split(',')) {
    socket.write(
      `:${nick}!${nick}@${nick}.tmi.twitch.tv JOIN ${name}\r\n@room-id=1 :tmi.twitch.tv ROOMSTATE ${name}\r\n`,
    );
    channels.push({ name: name.slice(1), socket });
  }
  console.log(`joined ${channels.length}`);
}

function line(number: number, channel: string): string {
  const parts = templates[number % templates.length]!;
  const id = `ca561310-6855-43b3-8325-${number.toString(16).padStart(12, '0')}`;
  return `${parts[0]}${id}${parts[1]}${Date.now()}${parts[2]}${channel}${parts[3]}\r\n`;
}

async function send(): Promise<void> {
  const startedMs = performance.now();
  for (let sent = 0; sent < total; ) {
    const allowed =
      perSecond === 0 ? total : Math.floor(((performance.now() - startedMs) / 1000) * perSecond);
    const batch = Math.min(500, total - sent, allowed - sent);
    if (batch <= 0) {
      await sleep(5);
      continue;
    }
    const texts = new Map<Socket, string>();
    for (const end = sent + batch; sent < end; sent++) {
      const { name, socket } = channels[sent % channels.length]!;
      texts.set(socket, (texts.get(socket) ?? '') + line(sent, name));
    }
    for (const [socket, text] of texts) socket.write(text);
    while (channels.some(({ socket }) => socket.writableNeedDrain && !socket.destroyed)) await sleep(1);
  }
  console.log(`sent ${total}`);
}

const authority = mode === 'tls' ? await testAuthority() : undefined;
const server = authority
  ? createTlsServer(await authority.issue(['localhost']), onClient)
  : createTcpServer(onClient);
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number };
  console.log(`listening ${port} ${authority?.caFile ?? ''}`);
});
createInterface({ input: process.stdin })
  .on('line', (command) => {
    if (command === 'go') void send();
  })
  .on('close', () => process.exit(0));
