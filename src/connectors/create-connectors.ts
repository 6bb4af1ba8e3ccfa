import type { Config } from '../config/schema.ts';
import type { Connector, ConnectorContext } from './connector.ts';

/**
 * A connector for every platform that is configured and enabled; a platform that is not is not even loaded.
 * They know no channels yet and do nothing before `run`.
 */
export async function createConnectors(
  config: Config,
  contextFor: (platform: string) => ConnectorContext,
): Promise<Connector[]> {
  const connectors: Connector[] = [];
  if (config.twitch?.enabled) {
    const { TwitchConnector } = await import('./twitch/twitch-connector.ts');
    connectors.push(new TwitchConnector(config.twitch, contextFor('twitch')));
  }
  const networks = Object.entries(config.irc).filter(([, network]) => network.enabled);
  if (networks.length > 0) {
    const { IrcConnector } = await import('./irc/irc-connector.ts');
    for (const [name, network] of networks) {
      connectors.push(new IrcConnector(name, network, contextFor(`irc-${name}`)));
    }
  }
  return connectors;
}
