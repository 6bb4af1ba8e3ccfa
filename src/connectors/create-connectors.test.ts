import { describe, expect, it } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { createConnectors } from './create-connectors.ts';
import { fakeContext } from './testing/fakes.ts';

describe('the connectors of a configuration', () => {
  it('are those of the platforms that are configured and enabled', async () => {
    const config = configSchema.parse({
      twitch: {},
      irc: {
        libera: { host: 'irc.invalid', nick: 'log' },
        off: { host: 'irc.invalid', nick: 'log', enabled: false },
      },
    });
    const asked: string[] = [];
    const connectors = await createConnectors(config, (platform) => {
      asked.push(platform);
      return fakeContext();
    });
    expect(connectors.map(({ platform }) => platform)).toEqual(['twitch', 'irc-libera']);
    expect(asked).toEqual(['twitch', 'irc-libera']);
    expect(await createConnectors(configSchema.parse({ twitch: { enabled: false } }), fakeContext)).toEqual(
      [],
    );
  });
});
