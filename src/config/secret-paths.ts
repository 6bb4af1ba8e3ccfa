import type { PathKey } from './problem.ts';
import type { Config } from './schema.ts';

const SECRET_KEYS = new Set([
  'oauth',
  'server_password',
  'password',
  'nickserv_password',
  'key',
  'access_key_id',
  'secret_access_key',
  'session_token',
]);

/** Whether the value at this path is never to be shown. */
export function isSecretPath(path: readonly PathKey[]): boolean {
  const last = path.at(-1);
  return typeof last === 'string' && SECRET_KEYS.has(last);
}

/** Real access key ids are this long or longer; shorter ones are words (`admin`) that logs need for other things. */
const ACCESS_KEY_ID_MIN = 16;

/** Every secret of the configuration, for redaction. */
export function configSecrets(config: Config): string[] {
  const { twitch, s3 } = config;
  const accessKeyId = s3?.access_key_id ?? '';
  const found = [
    twitch?.oauth,
    accessKeyId.length >= ACCESS_KEY_ID_MIN ? accessKeyId : undefined,
    s3?.secret_access_key,
    s3?.session_token,
    ...Object.values(config.irc).flatMap((network) => [
      network.server_password,
      network.sasl?.password,
      network.nickserv_password,
      ...network.channels.map((channel) => ('key' in channel ? channel.key : undefined)),
    ]),
  ];
  return found.filter((secret) => secret !== undefined && secret !== '') as string[];
}
