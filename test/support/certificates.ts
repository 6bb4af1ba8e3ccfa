/**
 * Certificates for the TLS servers of the tests: an authority of our own, made anew in every process that asks,
 * and certificates that it issued. In pure JavaScript, as openssl is not on every machine.
 */
import { writeFile } from 'node:fs/promises';
import { type CertificateExtension, generate } from 'selfsigned';
import { tempDir } from './temp-dir.ts';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface Authority {
  /** PEM of the authority's own certificate... */
  readonly cert: string;
  /** ...and the file that holds it, for `tls_ca_file`. It lives until the test run ends. */
  readonly caFile: string;
  /** A certificate for these host names (127.0.0.1 as well where `localhost` is among them). */
  issue(hosts: readonly string[]): Promise<Certificate>;
}

let trusted: Promise<Authority> | undefined;

/** The authority that the servers of this process use, made at the first call. */
export function testAuthority(): Promise<Authority> {
  trusted ??= createAuthority('Chatlog test authority');
  return trusted;
}

/** Another authority: what it issues is not trusted by those who trust {@link testAuthority}. */
export async function createAuthority(name: string): Promise<Authority> {
  const own = await generate([{ name: 'commonName', value: name }], {
    ...KEY,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const directory = await tempDir('authority');
  const caFile = directory.join('ca.pem');
  await writeFile(caFile, own.cert);
  return {
    cert: own.cert,
    caFile,
    issue: async (hosts) => {
      const issued = await generate([{ name: 'commonName', value: hosts[0]! }], {
        ...KEY,
        extensions: serverExtensions(hosts),
        ca: { key: own.private, cert: own.cert },
      });
      return { cert: issued.cert, key: issued.private };
    },
  };
}

const KEY = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

function serverExtensions(hosts: readonly string[]): CertificateExtension[] {
  const names = hosts.map((value) => ({ type: 2 as const, value }));
  const addresses = hosts.includes('localhost') ? [{ type: 7 as const, ip: '127.0.0.1' }] : [];
  return [
    { name: 'basicConstraints', cA: false },
    { name: 'keyUsage', digitalSignature: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: [...names, ...addresses] },
  ];
}
