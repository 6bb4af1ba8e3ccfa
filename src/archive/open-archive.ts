/**
 * The archive that a command is about: the configured storage, or a place named on the command line, which needs no
 * configuration: a directory, or `s3://bucket/prefix` with the configuration's endpoint and keys where there is one, else
 * those of the environment (`AWS_ENDPOINT_URL_S3`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, ...).
 */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Config, configSchema, type S3Config } from '../config/schema.ts';
import { ChatlogError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { createObjectStore } from '../storage/create-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Writing makes what is missing in a directory, reading leaves it as it is. `create` is writing, and makes the configured
 * directory where it is not there yet: one that is named could be misspelt.
 */
export type ArchiveAccess = 'read' | 'write' | 'create';

export interface OpenArchiveOptions {
  /** `--archive`; the configured storage when left out. */
  place: string | undefined;
  /** Undefined where there is none, or none is needed. */
  config: Pick<Config, 's3' | 'archive' | 'upload'> | undefined;
  log: Logger;
  access: ArchiveAccess;
  env?: Env;
}

/** Whether the place is named without a configuration: a directory needs none. */
export function needsConfig(place: string | undefined): boolean {
  return place === undefined || isS3(place);
}

/**
 * Touches nothing yet but the directory's entry. The caller closes the store. Throws `archive_unknown` where there is
 * neither place nor configuration, `archive_missing` where the directory is not there, `archive_invalid` for a place that
 * is none.
 */
export async function openArchive(options: OpenArchiveOptions): Promise<ObjectStore> {
  const { place, config, log, access } = options;
  const upload = config?.upload ?? configSchema.parse({}).upload;
  const s3 = archiveBucket(options);
  if (s3) return createObjectStore({ s3, archive: { directory: '' }, upload }, log);
  if (place === undefined && !config)
    throw new ChatlogError('archive_unknown', 'no configuration says where the archive is', {
      hint: 'Name it with --archive DIR or --archive s3://bucket/prefix, or a configuration with --config FILE.',
    });
  const directory = resolve(place ?? config!.archive.directory);
  const isMade = access === 'create' && place === undefined;
  if (!isMade) await demandDirectory(directory, place === undefined, access);
  const how = access === 'read' ? 'read' : 'write';
  return createObjectStore({ s3: undefined, archive: { directory }, upload }, log, how);
}

/** Where the archive is in a bucket; undefined where it is a directory. Throws `archive_invalid`. */
export function archiveBucket({
  place,
  config,
  env = process.env,
}: Pick<OpenArchiveOptions, 'place' | 'config' | 'env'>): S3Config | undefined {
  if (place === undefined) return config?.s3;
  return isS3(place) ? namedBucket(place, config?.s3, env) : undefined;
}

async function demandDirectory(
  directory: string,
  isConfigured: boolean,
  access: ArchiveAccess,
): Promise<void> {
  const info = await stat(directory).catch(() => undefined);
  if (info?.isDirectory()) return;
  throw new ChatlogError(
    'archive_missing',
    `the archive ${directory} ${info ? 'is no directory' : 'is not there'}`,
    {
      hint: isConfigured
        ? 'The configuration has no "s3": its "archive.directory" is meant. Where nothing was recorded yet there is none.'
        : access === 'create'
          ? 'Check --archive; make the directory first where it is to be a new archive.'
          : 'Check --archive.',
    },
  );
}

function isS3(place: string): boolean {
  return /^s3:\/\//i.test(place);
}

function namedBucket(place: string, configured: S3Config | undefined, env: Env): S3Config {
  const match = /^s3:\/\/([a-z0-9][a-z0-9._-]*)(?:\/(.*))?$/is.exec(place);
  if (!match)
    throw new ChatlogError('archive_invalid', `--archive ${place} names no bucket`, {
      hint: 'Write s3://bucket or s3://bucket/prefix.',
    });
  const path = match[2] ?? '';
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`;
  const named = { bucket: match[1]!, prefix };
  if (configured) return { ...configured, ...named };
  return configSchema.parse({
    s3: {
      ...named,
      endpoint: env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || undefined,
      region: env.AWS_REGION || env.AWS_DEFAULT_REGION || 'auto',
      // Left out, the SDK looks for profiles and roles by itself.
      access_key_id: env.AWS_ACCESS_KEY_ID || undefined,
      secret_access_key: env.AWS_SECRET_ACCESS_KEY || undefined,
      session_token: env.AWS_SESSION_TOKEN || undefined,
    },
  }).s3!;
}
