/** The example of the documentation is a connector like any other. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { jsonLinesChat } from '../../docs/examples/json-lines-chat.ts';
import { type ContractServer, describeConnector } from './connector.contract.ts';
import { FeedConnector } from './feed-connector.ts';

interface JsonContractServer extends ContractServer {
  port: number;
}

async function start(): Promise<JsonContractServer> {
  const sockets = new Map<net.Socket, Set<string>>();
  let accepted = 0;
  let serial = 0;
  const listener = net.createServer((socket) => {
    accepted++;
    const channels = new Set<string>();
    sockets.set(socket, channels);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    const lines = createInterface({ input: socket }).on('error', () => socket.destroy());
    lines.on('line', (line) => {
      const { join, part } = JSON.parse(line) as { join?: string; part?: string };
      if (part !== undefined) channels.delete(part);
      if (join === undefined) return;
      channels.add(join);
      socket.write(`${JSON.stringify({ joined: join })}\n`);
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const inside = (channel: string) =>
    [...sockets].filter(([, channels]) => channels.has(channel)).map(([socket]) => socket);
  const dropAll = () => {
    for (const socket of sockets.keys()) socket.destroy();
  };
  return {
    port: (listener.address() as AddressInfo).port,
    say(channel, text) {
      const line = JSON.stringify({ channel, user: 'ann', text, id: `m${++serial}`, at: Date.now() });
      for (const socket of inside(channel)) socket.write(`${line}\n`);
    },
    babble(channel) {
      for (const socket of inside(channel)) socket.write(Buffer.from([0x7b, 0xff, 0x0a]));
    },
    joined: (channel) => inside(channel).length,
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    dropAll,
    async [Symbol.asyncDispose]() {
      listener.close();
      dropAll();
    },
  };
}

describeConnector({
  name: 'The example of docs/adding-a-platform.md',
  channels: ['ann', 'bob', 'cid'],
  start,
  connect: (server, context) =>
    new FeedConnector(
      jsonLinesChat((server as JsonContractServer | undefined)?.port ?? 1, context.now),
      context,
      {
        backoff: { minMs: 20, maxMs: 100 },
        joinTimeoutMs: 2000,
        tickMs: 20,
      },
    ),
});
