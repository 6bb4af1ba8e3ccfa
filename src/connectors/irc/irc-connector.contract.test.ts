import { configSchema } from '../../config/schema.ts';
import { type ContractServer, describeConnector } from '../connector.contract.ts';
import { IrcTestServer } from '../testing/irc-server.ts';
import { IrcConnector } from './irc-connector.ts';

interface IrcContractServer extends ContractServer {
  port: number;
}

async function start(): Promise<IrcContractServer> {
  const server = await IrcTestServer.start({ caps: 'server-time message-tags batch' });
  return {
    port: server.port,
    say: (channel, text) => server.say(channel, `:ann!ann@host PRIVMSG ${channel} :${text}`),
    babble: () => {
      for (const { socket } of server.clients)
        socket.write(Buffer.from([0x3a, 0xff, 0xfe, 0x20, 0xc3, 0x0d, 0x0a]));
    },
    joined: (channel) => server.joined(channel),
    get accepted() {
      return server.accepted;
    },
    get open() {
      return server.clients.length;
    },
    dropAll: () => server.dropAll(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describeConnector({
  name: 'IRC',
  channels: ['#Ann', '#bob', '&cid'],
  start,
  connect: (server, context) => {
    const { irc } = configSchema.parse({
      irc: {
        test: {
          host: '127.0.0.1',
          port: (server as IrcContractServer | undefined)?.port ?? 1,
          tls: false,
          nick: 'log',
          backoff: { min_seconds: 0.02, max_seconds: 0.1 },
        },
      },
    });
    return new IrcConnector('test', irc.test!, context, { timing: { tickMs: 20 } });
  },
});
