/**
 * Object storage over the S3 protocol. Creates keys and does not overwrite: `If-None-Match: *` where the provider knows
 * it, asking first where not; replaces what is to be replaced under `If-Match`, likewise. What failed without a certain outcome is looked up before it counts as failed.
 *
 * Bounds: a few attempts within one call, each under a deadline (`s3-client.ts`); one object of at most
 * `single_put_max_bytes` in memory per put, or two parts of 5 MiB.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { S3Config } from '../config/schema.ts';
import { abortable } from '../lib/abortable.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { systemErrorCode } from '../lib/system-error.ts';
import { objectKey } from '../segment-name.ts';
import { compareObject, objectDigest } from './compare-object.ts';
import type {
  ObjectBody,
  ObjectHead,
  ObjectStore,
  OpenedObject,
  PutOutcome,
  ReplaceOutcome,
} from './object-store.ts';
import { type ProviderProfile, providerProfile } from './provider-profile.ts';
import { createS3Client, type S3ClientOptions } from './s3-client.ts';
import { isAmbiguous, type S3Error, toS3Error } from './s3-errors.ts';
import { fromMetadata, toMetadata } from './segment-metadata.ts';

export interface S3ObjectStoreOptions extends S3ClientOptions {
  log: Logger;
  singlePutMaxBytes: number;
  /** Tells how old an unfinished upload is; `Date.now` when left out. */
  now?: () => number;
}

const PART_BYTES = 5 * 1024 * 1024;
const PUT_ATTEMPTS_MAX = 4;
const RETRY_PAUSE_MS = 100;
const ORPHAN_AGE_MS = 24 * 3_600_000;
const PRESIGNED_SECONDS_MAX = 7 * 86_400;
const REPEATABLE: ReadonlySet<string> = new Set([
  'precondition_failed',
  'write_conflict',
  'damaged_in_transit',
]);

/** Throws the system's error where `tls_ca_file` cannot be read. Reaches out to nothing yet. */
export async function createS3ObjectStore(s3: S3Config, options: S3ObjectStoreOptions): Promise<ObjectStore> {
  const profile = providerProfile(s3);
  return new S3ObjectStore(s3, profile, await createS3Client(s3, profile, options), options);
}

class S3ObjectStore implements ObjectStore {
  readonly name: string;
  readonly concurrencyMax: number;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #providerHeaders: ReadonlySet<string>;
  readonly #client: S3Client;
  readonly #log: Logger;
  readonly #singlePutMaxBytes: number;
  readonly #now: () => number;
  #conditionalPuts: ProviderProfile['conditionalPuts'];
  #headFirst: boolean;

  constructor(s3: S3Config, profile: ProviderProfile, client: S3Client, options: S3ObjectStoreOptions) {
    this.name = `s3://${s3.bucket} (${profile.label})`;
    this.concurrencyMax = profile.concurrencyMax;
    this.#bucket = s3.bucket;
    this.#prefix = s3.prefix;
    this.#providerHeaders = new Set(Object.keys(profile.headers).map((name) => name.toLowerCase()));
    this.#client = client;
    this.#log = options.log;
    this.#singlePutMaxBytes = options.singlePutMaxBytes;
    this.#now = options.now ?? Date.now;
    this.#conditionalPuts = profile.conditionalPuts;
    this.#headFirst = profile.headFirst;
  }

  async put(key: string, body: ObjectBody, signal: AbortSignal): Promise<PutOutcome> {
    for (let attempt = 1; ; attempt++) {
      const present = this.#looksFirst(body) ? await this.#compare(key, body, signal) : undefined;
      if (present) return present;
      try {
        const condition = this.#conditionalPuts === 'none' ? {} : { IfNoneMatch: '*' };
        await this.#call(`put ${key}`, () => this.#write(key, body, condition, signal), signal);
        return 'created';
      } catch (thrown) {
        const outcome = await this.#settle(key, body, thrown, attempt, signal);
        if (outcome !== 'again') return outcome;
      }
      await sleep(RETRY_PAUSE_MS * attempt * (1 + Math.random()), undefined, { signal });
    }
  }

  async replace(
    key: string,
    body: ObjectBody,
    expectedObjectSha256: string,
    signal: AbortSignal,
  ): Promise<ReplaceOutcome> {
    let quotes = true;
    for (let attempt = 1; ; attempt++) {
      const head = await this.#head(key, signal);
      if (!head) return 'missing';
      const present = await objectDigest(this, key, head, signal);
      if (present === body.description.objectSha256) return 'replaced';
      if (present !== expectedObjectSha256) return 'changed';
      try {
        const etag = quotes ? head.etag : head.etag?.replaceAll('"', '');
        const condition = this.#replacesConditionally(body) ? { IfMatch: etag } : {};
        await this.#call(`replace ${key}`, () => this.#write(key, body, condition, signal), signal);
      } catch (thrown) {
        signal.throwIfAborted();
        if (!isS3Error(thrown) || attempt >= PUT_ATTEMPTS_MAX) throw thrown;
        const isUnknown = thrown.code === 'not_implemented' && this.#conditionalPuts !== 'none';
        if (isUnknown) this.#putUnconditionally();
        else if (!isAmbiguous(thrown.code) && !REPEATABLE.has(thrown.code)) throw thrown;
        // Ceph RGW (16, at least) compares the condition with its quotes to a tag without them.
        if (thrown.code === 'precondition_failed') quotes = !quotes;
      }
      // What was written, or what came in between, is what the next look finds.
      if (attempt > 1) await sleep(RETRY_PAUSE_MS * attempt * (1 + Math.random()), undefined, { signal });
    }
  }

  async overwrite(key: string, body: ObjectBody, signal: AbortSignal): Promise<void> {
    await this.#call(`overwrite ${key}`, () => this.#write(key, body, {}, signal), signal);
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    const command = new DeleteObjectCommand(this.#at(key));
    const send = () => this.#client.send(command, { abortSignal: signal });
    await this.#call(`remove ${key}`, send, signal).catch((error: unknown) => {
      if (!(error instanceof ChatlogError && error.code === 'object_missing')) throw error;
    });
  }

  async presign(key: string, seconds: number): Promise<string> {
    const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner');
    const expiresIn = Math.min(PRESIGNED_SECONDS_MAX, Math.max(1, Math.ceil(seconds)));
    return getSignedUrl(this.#client, new GetObjectCommand(this.#at(key)), {
      expiresIn,
      // Whoever has the link does not send them.
      unsignableHeaders: new Set(this.#providerHeaders),
    });
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined> {
    const head = await this.#head(key, signal);
    return head && { bytes: head.bytes, description: head.description };
  }

  async #head(
    key: string,
    signal: AbortSignal,
  ): Promise<(ObjectHead & { etag: string | undefined }) | undefined> {
    try {
      const reply = await this.#call(
        `head ${key}`,
        () => this.#client.send(new HeadObjectCommand(this.#at(key)), { abortSignal: signal }),
        signal,
      );
      const description = fromMetadata(reply.Metadata);
      return { bytes: reply.ContentLength ?? 0, description, etag: reply.ETag };
    } catch (error) {
      if (error instanceof ChatlogError && error.code === 'object_missing') return undefined;
      throw error;
    }
  }

  async open(key: string, signal: AbortSignal): Promise<OpenedObject> {
    const what = `get ${key}`;
    const command = new GetObjectCommand(this.#at(key));
    const send = () => this.#client.send(command, { abortSignal: signal });
    const { Body, ContentLength = 0, Metadata } = await this.#call(what, send, signal);
    const body = this.#explained(Body as Readable, what, signal);
    return { bytes: ContentLength, description: fromMetadata(Metadata), body };
  }

  async *get(key: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* (await this.open(key, signal)).body;
  }

  async *#explained(body: Readable, what: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of body) yield chunk;
    } catch (thrown) {
      signal.throwIfAborted();
      throw this.#explain(thrown, what);
    }
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<{ key: string; bytes: number }> {
    let after: string | undefined;
    do {
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: this.#prefix + prefix,
        ContinuationToken: after,
      });
      const send = () => this.#client.send(command, { abortSignal: signal });
      const page = await this.#call(`list ${prefix}`, send, signal);
      for (const { Key = '', Size = 0 } of page.Contents ?? []) {
        yield { key: Key.slice(this.#prefix.length), bytes: Size };
      }
      after = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (after !== undefined);
  }

  async check(signal: AbortSignal): Promise<void> {
    const key = `chatlog-check/${randomUUID()}`;
    const written = Buffer.from('Chatlog was here to see whether it can write. This may be deleted.\n');
    const put = new PutObjectCommand({ ...this.#at(key), Body: written });
    await this.#call('write a test object', () => this.#client.send(put, { abortSignal: signal }), signal);
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.get(key, signal)) chunks.push(chunk);
    if (!Buffer.concat(chunks).equals(written)) {
      throw new ChatlogError('damaged_in_transit', `${this.name} gave back other bytes than were written`, {
        retryable: true,
        hint: 'check s3.endpoint: is this an S3 server, without a cache in between?',
      });
    }
    const remove = new DeleteObjectCommand(this.#at(key));
    const send = () => this.#client.send(remove, { abortSignal: signal });
    await this.#call('remove the test object', send, signal).catch((error: ChatlogError) => {
      // Recording needs no right to delete, and a key without it is the safer one.
      if (error.code !== 'access_denied') throw error;
    });
  }

  async sweep(signal: AbortSignal): Promise<number> {
    let swept = 0;
    let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
    while (marker) {
      const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
        Bucket: this.#bucket,
        Prefix: this.#prefix,
        ...marker,
      });
      const send = () => this.#client.send(command, { abortSignal: signal });
      const page = await this.#call('list unfinished uploads', send, signal);
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        const ageMs = this.#now() - (Initiated?.getTime() ?? Number.POSITIVE_INFINITY);
        if (Key === undefined || !this.#isSegment(Key) || ageMs < ORPHAN_AGE_MS) continue;
        const abort = new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId });
        await this.#call(`abort ${Key}`, () => this.#client.send(abort, { abortSignal: signal }), signal);
        swept++;
      }
      marker = page.IsTruncated
        ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
        : undefined;
    }
    return swept;
  }

  close(): void {
    this.#client.destroy();
  }

  #goesInParts(body: ObjectBody): boolean {
    return body.description.objectBytes > this.#singlePutMaxBytes;
  }

  #looksFirst(body: ObjectBody): boolean {
    return this.#headFirst || (this.#conditionalPuts === 'single' && this.#goesInParts(body));
  }

  #replacesConditionally(body: ObjectBody): boolean {
    if (this.#conditionalPuts === 'none') return false;
    return this.#conditionalPuts === 'all' || !this.#goesInParts(body);
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  #isSegment(key: string): boolean {
    const file = key.slice(key.lastIndexOf('/') + 1);
    return key === `${this.#prefix}${objectKey(file)}`;
  }

  /** One attempt. The body is read afresh: a stream that was spent cannot be sent again. */
  async #write(
    key: string,
    body: ObjectBody,
    condition: { IfNoneMatch?: string; IfMatch?: string | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const input: PutObjectCommandInput = {
      ...this.#at(key),
      Metadata: toMetadata(body.description),
      ContentType: contentType(key),
      ...condition,
    };
    if (this.#goesInParts(body)) return this.#writeInParts(input, body, signal);
    const bytes = await readFile(body.path, { signal });
    if (bytes.length !== body.description.objectBytes) throw sourceChanged(body.path);
    await this.#client.send(new PutObjectCommand({ ...input, Body: bytes }), { abortSignal: signal });
    body.onProgress?.();
  }

  /** The condition takes effect at the end (CompleteMultipartUpload); a failure aborts what was begun. */
  async #writeInParts(input: PutObjectCommandInput, body: ObjectBody, signal: AbortSignal): Promise<void> {
    const file = createReadStream(body.path, { highWaterMark: 256 * 1024 });
    const upload = new Upload({
      client: this.#client,
      params: { ...input, Body: file, ContentLength: body.description.objectBytes },
      queueSize: 1,
      partSize: PART_BYTES,
    });
    const stop = (): void => void upload.abort();
    signal.addEventListener('abort', stop, { once: true });
    upload.on('httpUploadProgress', () => body.onProgress?.());
    try {
      await upload.done();
    } finally {
      signal.removeEventListener('abort', stop);
      file.destroy();
    }
  }

  /** Decides what a failed put means. Throws where it may be tried again later. */
  async #settle(
    key: string,
    body: ObjectBody,
    thrown: unknown,
    attempt: number,
    signal: AbortSignal,
  ): Promise<PutOutcome | 'again'> {
    signal.throwIfAborted();
    if (!isS3Error(thrown)) throw thrown;
    const mayRepeat = attempt < PUT_ATTEMPTS_MAX;
    if (thrown.code === 'not_implemented' && this.#conditionalPuts !== 'none') {
      this.#putUnconditionally();
      return 'again';
    }
    if (thrown.code === 'precondition_failed') {
      const present = await this.#compare(key, body, signal);
      if (present) return present;
    } else if (isAmbiguous(thrown.code)) {
      // The put may have succeeded though its reply was lost. Where that cannot be asked either, the put's error counts.
      const present = await this.#compare(key, body, signal).catch(() => undefined);
      signal.throwIfAborted();
      if (present) return present;
      throw thrown;
    }
    if (mayRepeat && REPEATABLE.has(thrown.code)) return 'again';
    throw thrown;
  }

  #putUnconditionally(): void {
    this.#conditionalPuts = 'none';
    this.#headFirst = true;
    this.#log.info(
      { store: this.name },
      'This storage has no conditional puts; keys are looked up before each put instead',
    );
  }

  async #compare(key: string, body: ObjectBody, signal: AbortSignal): Promise<PutOutcome | undefined> {
    const comparison = await compareObject(this, key, body.description, signal);
    if (comparison === 'missing') return undefined;
    return comparison === 'same' ? 'created' : 'conflict';
  }

  /** Runs one request to its outcome: ends at once on abort, repeats it with a corrected clock, explains every error. */
  async #call<T>(what: string, request: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const signedOffsetMs = this.#client.config.systemClockOffset;
      try {
        return await abortable(request(), signal);
      } catch (thrown) {
        signal.throwIfAborted();
        if (thrown instanceof ChatlogError) throw thrown;
        if (isFileError(thrown)) throw sourceUnreadable(thrown);
        const error = this.#explain(thrown, what, signedOffsetMs);
        // The SDK has taken the difference from the reply's Date, but repeats only what had an error in its body.
        if (error.code !== 'clock_skew' || attempt > 1) throw error;
      }
    }
  }

  #explain(thrown: unknown, what: string, signedOffsetMs = this.#client.config.systemClockOffset): S3Error {
    return toS3Error(thrown, what, this.name, Date.now() + signedOffsetMs);
  }
}

/** As opposed to trouble with the local file. */
function isS3Error(thrown: unknown): thrown is S3Error {
  return thrown instanceof ChatlogError && !thrown.code.startsWith('source_');
}

function isFileError(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && ('path' in thrown || systemErrorCode(thrown) === 'EIO');
}

function sourceUnreadable(cause: NodeJS.ErrnoException): ChatlogError {
  return new ChatlogError('source_unreadable', errorText(cause), { retryable: true, cause });
}

function sourceChanged(path: string): ChatlogError {
  return new ChatlogError('source_changed', `${path} changed while it was being uploaded`, {
    retryable: true,
  });
}

/** Opaque files: with a Content-Encoding, clients and caches would decompress them unasked. */
function contentType(key: string): string {
  if (key.endsWith('.zst')) return 'application/zstd';
  if (key.endsWith('.gz')) return 'application/gzip';
  if (key.endsWith('.json')) return 'application/json';
  return 'application/x-ndjson';
}
