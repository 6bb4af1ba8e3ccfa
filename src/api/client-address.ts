/** Who asks, as far as an address tells: what the rate limit counts by. */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { HttpConfig } from '../config/schema.ts';

/**
 * The client's address: the connection's, or, where the configuration trusts the proxy in front, the one that it names
 * (fly.io: `Fly-Client-IP`; else the last of `X-Forwarded-For`, which the nearest proxy has written).
 */
export function clientAddress(
  headers: IncomingHttpHeaders,
  socketAddress: string | undefined,
  trust: HttpConfig['trust_proxy'],
): string {
  const named =
    trust === 'fly'
      ? headers['fly-client-ip']
      : trust === 'forwarded'
        ? String(headers['x-forwarded-for'] ?? '')
            .split(',')
            .at(-1)
        : undefined;
  const address = typeof named === 'string' ? named.trim() : '';
  return isIP(address) === 0 ? (socketAddress ?? '') : address;
}
