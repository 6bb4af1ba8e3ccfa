import { errorText } from '../../lib/errors.ts';

/** What became of one thing that `chatlog check` tried. */
export interface CheckResult {
  /** `storage`, `twitch`, `irc-libera`, `data_dir`, ... */
  what: string;
  outcome: 'ok' | 'warn' | 'failed';
  detail: string;
  /** What a person can do about it. */
  hint?: string;
}

/** A check that throws has failed; the error's own hint goes along. */
export async function attempt(
  what: string,
  check: () => Promise<Omit<CheckResult, 'what'>>,
): Promise<CheckResult> {
  try {
    return { what, ...(await check()) };
  } catch (error) {
    const { hint } = (error ?? {}) as { hint?: unknown };
    const own = typeof hint === 'string' ? hint : hintFor(error);
    return { what, outcome: 'failed', detail: oneLine(errorText(error)), ...(own ? { hint: own } : {}) };
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

const HINTS: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name is unknown: check its spelling and this machine's DNS",
  EAI_AGAIN: "DNS does not answer: check this machine's network",
  ECONNREFUSED: 'nothing listens there: check host and port',
  ETIMEDOUT: 'no answer: check host, port and firewalls',
  EHOSTUNREACH: "no route: check this machine's network",
  ENETUNREACH: "no route: check this machine's network",
  ECONNRESET: 'the other side hung up: check the port and whether it speaks TLS ("tls: true|false")',
  CERT_HAS_EXPIRED: "the server's certificate has expired (or this machine's clock is wrong)",
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name: check the host',
  EPROTO: 'that port does not speak TLS: set "tls: false", or use the TLS port',
  ERR_SSL_WRONG_VERSION_NUMBER: 'that port does not speak TLS: set "tls: false", or use the TLS port',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'that port does not speak TLS: set "tls: false", or use the TLS port',
};

const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)/;

function hintFor(error: unknown): string | undefined {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  if (name === 'TimeoutError') return 'no answer in time: check host, port and firewalls';
  if (typeof code !== 'string') return undefined;
  if (UNTRUSTED.test(code)) return 'the certificate is not trusted: name its authority with "tls_ca_file"';
  return HINTS[code];
}
