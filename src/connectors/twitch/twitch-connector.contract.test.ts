import { startTwitchServer } from '../../../test/support/twitch-server.ts';
import { configSchema } from '../../config/schema.ts';
import { type ContractServer, describeConnector } from '../connector.contract.ts';
import { TwitchConnector } from './twitch-connector.ts';

interface TwitchContractServer extends ContractServer {
  port: number;
}

let serial = 0;

async function start(): Promise<TwitchContractServer> {
  const twitch = await startTwitchServer({ tls: false });
  return {
    port: twitch.port,
    say(channel, text) {
      const tags = `id=m${++serial};tmi-sent-ts=${Date.now()};user-id=2`;
      twitch.sayTo(channel, `@${tags} :ann!ann@ann.tmi.twitch.tv PRIVMSG #${channel} :${text}`);
    },
    babble: (channel) => void twitch.sayTo(channel, Buffer.from([0x3a, 0xff, 0xfe, 0x20, 0xc3])),
    joined: (channel) => twitch.joined(channel),
    get accepted() {
      return twitch.accepted;
    },
    get open() {
      return twitch.connections().length;
    },
    dropAll: () => twitch.dropAll(),
    [Symbol.asyncDispose]: () => twitch.close(),
  };
}

describeConnector({
  name: 'Twitch',
  channels: ['ann', 'bob', 'cid'],
  start,
  connect: (server, context) => {
    const config = configSchema.parse({
      twitch: {
        host: '127.0.0.1',
        port: (server as TwitchContractServer | undefined)?.port ?? 1,
        tls: false,
        connect_interval_seconds: 0,
        backoff: { min_seconds: 0.02, max_seconds: 0.1 },
        backfill: { enabled: false },
      },
    });
    return new TwitchConnector(config.twitch!, context, { timing: { tickMs: 20, capFallbackMs: 200 } });
  },
});
