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
  'database_url',
  'database_read_url',
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
    config.database_url,
    config.database_read_url,
    databasePassword(config.database_url),
    databasePassword(config.database_read_url),
    ...Object.values(config.pipelines)
      .flat()
      .flatMap((step) => (step.step === 'webhook' ? Object.values(step.headers) : [])),
    ...Object.values(config.irc).flatMap((network) => [
      network.server_password,
      network.sasl?.password,
      network.nickserv_password,
      ...network.channels.map((channel) => ('key' in channel ? channel.key : undefined)),
    ]),
  ];
  return found.filter((secret) => secret !== undefined && secret !== '') as string[];
}

/** As it stands in the address, decoded: what the server's messages would show. */
function databasePassword(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { password } = new URL(url);
  try {
    return decodeURIComponent(password);
  } catch {
    return password;
  }
}
