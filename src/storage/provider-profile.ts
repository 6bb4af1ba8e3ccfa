/**
 * What is known of each S3 provider, chosen by the endpoint's host. Pure; every choice can be overridden in the
 * configuration (`s3.provider`, `s3.region`, `s3.force_path_style`).
 */
import type { S3Config } from '../config/schema.ts';

export type Provider = NonNullable<S3Config['provider']>;

export interface ProviderProfile {
  provider: Provider;
  /** For messages to people. */
  label: string;
  region: string;
  /** The SDK's CRC32 by default breaks R2, B2 and older servers. */
  checksums: 'WHEN_SUPPORTED' | 'WHEN_REQUIRED';
  forcePathStyle: boolean;
  /** Puts at the same time. */
  concurrencyMax: number;
  /** Sent with every request. */
  headers: Record<string, string>;
  /** Where `If-None-Match: *` is understood: for every put, for one in one go but not for one in parts, nowhere. */
  conditionalPuts: 'all' | 'single' | 'none';
  /** Ask whether the key is taken before each put: the provider refuses or may ignore `If-None-Match`. */
  headFirst: boolean;
}

type Habits = Omit<ProviderProfile, 'provider' | 'region'> & { region: (host: string) => string };

const plain = {
  checksums: 'WHEN_REQUIRED',
  forcePathStyle: false,
  concurrencyMax: 16,
  headers: {},
  conditionalPuts: 'single',
  headFirst: false,
} as const;

const HABITS: Record<Provider, Habits> = {
  aws: {
    ...plain,
    label: 'AWS S3',
    region: (host) => /^(?:.+\.)?s3[.-]([a-z]{2}(?:-[a-z]+)+-\d)\./.exec(host)?.[1] ?? 'us-east-1',
    checksums: 'WHEN_SUPPORTED',
    conditionalPuts: 'all',
  },
  r2: { ...plain, label: 'Cloudflare R2', region: () => 'auto', concurrencyMax: 2 },
  b2: {
    ...plain,
    label: 'Backblaze B2',
    region: (host) => /^(?:.+\.)?s3\.([a-z0-9-]+)\.backblazeb2\.com$/.exec(host)?.[1] ?? 'us-west-004',
    conditionalPuts: 'none',
    headFirst: true,
  },
  tigris: {
    ...plain,
    label: 'Tigris',
    region: () => 'auto',
    headers: { 'X-Tigris-Consistent': 'true' },
  },
  ceph: { ...plain, label: 'Ceph RGW', region: () => 'us-east-1', forcePathStyle: true },
  generic: {
    ...plain,
    label: 'S3',
    region: () => 'us-east-1',
    forcePathStyle: true,
    // A server that does not know the condition may also ignore it silently.
    headFirst: true,
  },
};

export function providerProfile(
  s3: Pick<S3Config, 'endpoint' | 'provider' | 'region' | 'force_path_style'>,
): ProviderProfile {
  const host = s3.endpoint === undefined ? '' : new URL(s3.endpoint).hostname;
  const provider = s3.provider ?? providerOf(host);
  const { region, ...habits } = HABITS[provider];
  return {
    ...habits,
    provider,
    region: s3.region === 'auto' || s3.region === '' ? region(host) : s3.region,
    forcePathStyle: s3.force_path_style ?? habits.forcePathStyle,
  };
}

function providerOf(host: string): Provider {
  if (host === '' || /(^|\.)amazonaws\.com(\.cn)?$/.test(host)) return 'aws';
  if (host.endsWith('.r2.cloudflarestorage.com')) return 'r2';
  if (host.endsWith('.backblazeb2.com')) return 'b2';
  if (/(^|\.)(storage\.tigris\.dev|t3\.storage\.dev|t3\.storageapi\.dev)$/.test(host)) return 'tigris';
  return 'generic';
}
