/** Builds the SDK's client the way that unattended uploading needs it: every wait bounded, every reply checkable. */
import { readFile } from 'node:fs/promises';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { S3Config } from '../config/schema.ts';
import { DeadlineHandler } from './deadline-handler.ts';
import type { ProviderProfile } from './provider-profile.ts';

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface S3ClientOptions {
  /** Asked again for every request, so that replaced credentials take effect; the configuration's when left out. */
  credentials?: () => Promise<S3Credentials>;
  /** Wrong clock to begin with, for tests. */
  clockOffsetMs?: number;
}

/** Attempts within one call; the loop that never gives up is the uploader's. */
const ATTEMPTS_MAX = 3;

/** Throws the system's error where `tls_ca_file` cannot be read. */
export async function createS3Client(
  s3: S3Config,
  profile: ProviderProfile,
  options: S3ClientOptions = {},
): Promise<S3Client> {
  const ca = s3.tls_ca_file === undefined ? undefined : await readFile(s3.tls_ca_file);
  const handler = new NodeHttpHandler({
    connectionTimeout: s3.connect_timeout_seconds * 1000,
    socketTimeout: s3.socket_timeout_seconds * 1000,
    httpAgent: { keepAlive: true, maxSockets: 32 },
    httpsAgent: { keepAlive: true, maxSockets: 32, ...(ca ? { ca } : {}) },
  });
  const client = new S3Client({
    region: profile.region,
    endpoint: s3.endpoint,
    forcePathStyle: profile.forcePathStyle,
    followRegionRedirects: profile.provider === 'aws',
    credentials: credentialsOf(s3, options),
    requestHandler: new DeadlineHandler(handler, s3.attempt_timeout_seconds * 1000),
    requestChecksumCalculation: profile.checksums,
    responseChecksumValidation: profile.checksums,
    // A server that ignores `Expect: 100-continue` would cost six seconds for every large body.
    expectContinueHeader: false,
    retryMode: 'standard',
    maxAttempts: ATTEMPTS_MAX,
    systemClockOffset: options.clockOffsetMs ?? 0,
  });
  const { headers } = profile;
  client.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: Record<string, string> }).headers, headers);
      return next(args);
    },
    { step: 'build', name: 'chatlogProviderHeaders' },
  );
  return client;
}

/** A provider function; undefined leaves it to the SDK's own chain (environment, profile, instance role). */
function credentialsOf(s3: S3Config, options: S3ClientOptions): S3ClientConfig['credentials'] {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey, session_token: sessionToken } = s3;
  const configured =
    accessKeyId !== undefined && secretAccessKey !== undefined
      ? async () => ({ accessKeyId, secretAccessKey, sessionToken })
      : undefined;
  const provide = options.credentials ?? configured;
  if (!provide) return undefined;
  // The SDK keeps what does not expire for ever.
  return async () => ({ ...(await provide()), expiration: new Date() });
}
