/**
 * Object storage in a local directory: `<root>/<key>`. An object appears whole or not at all, and only where its key is
 * free: by a hard link of the spool's own file where both lie in one file system (which copies nothing and needs no
 * free disk), else from a copy that was synced first.
 *
 *     <root>/.chatlog/meta/<key>.json   the description, written with the object; while it is replaced, the new one too
 *     <root>/.chatlog/tmp/              half-written copies
 *
 * Every path is checked to lie under the root.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, open, opendir, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { ChatlogError, errorText } from '../lib/errors.ts';
import { makeDirectory } from '../lib/make-directory.ts';
import { ifMissing, systemErrorCode } from '../lib/system-error.ts';
import { syncDirectory } from '../spool.ts';
import { compareObject, objectDigest } from './compare-object.ts';
import type {
  ObjectBody,
  ObjectHead,
  ObjectStore,
  OpenedObject,
  PutOutcome,
  ReplaceOutcome,
  SegmentDescription,
} from './object-store.ts';
import { fromMetadata, toMetadata } from './segment-metadata.ts';

const HIDDEN = '.chatlog';
const LEFTOVER_AGE_MS = 24 * 3_600_000;
const COPY_CHUNK_BYTES = 256 * 1024;

/** Creates the directory where it is missing. Throws the system's error where it cannot be written. */
export async function createDirectoryObjectStore(root: string): Promise<ObjectStore> {
  const absolute = resolve(root);
  await makeDirectory(join(absolute, HIDDEN, 'meta'));
  await makeDirectory(join(absolute, HIDDEN, 'tmp'));
  return new DirectoryObjectStore(absolute);
}

/** For those who only read: makes nothing in the directory, which may be mounted read-only. */
export function readDirectoryObjectStore(root: string): ObjectStore {
  return new DirectoryObjectStore(resolve(root));
}

class DirectoryObjectStore implements ObjectStore {
  readonly name: string;
  readonly directory: string;
  readonly #root: string;

  constructor(root: string) {
    this.name = root;
    this.directory = root;
    this.#root = root;
  }

  async put(key: string, body: ObjectBody, signal: AbortSignal): Promise<PutOutcome> {
    const path = this.#objectPath(key);
    return this.#explained(`put ${key}`, signal, async () => {
      const before = await compareObject(this, key, body.description, signal);
      if (before === 'different') return 'conflict';
      if (before === 'same') {
        // Made by a process that died, perhaps before it was durable and described.
        await syncUpTo(this.#root, dirname(path));
        if (!(await this.head(key, signal))?.description) await this.#writeDescription(key, body.description);
        return 'created';
      }
      await makeDurableDirectory(this.#root, dirname(path));
      // Only whose object it is describes it: of several who put at once, all but one find the key taken.
      const description = await this.#prepareDescription(key, body.description);
      try {
        await this.#create(path, body, signal);
        await description.commit();
      } catch (error) {
        if (systemErrorCode(error) !== 'EEXIST') throw error;
        const now = await compareObject(this, key, body.description, signal);
        return now === 'same' ? 'created' : 'conflict';
      } finally {
        await description.discard();
      }
      await syncDirectory(dirname(path));
      return 'created';
    });
  }

  /** Always a file of its own: the object's bytes may be shared with a segment of the spool, by a hard link. */
  async replace(
    key: string,
    body: ObjectBody,
    expectedObjectSha256: string,
    signal: AbortSignal,
  ): Promise<ReplaceOutcome> {
    const path = this.#objectPath(key);
    return this.#explained(`replace ${key}`, signal, async () => {
      const head = await this.head(key, signal);
      if (!head) return 'missing';
      const present = await objectDigest(this, key, head, signal);
      const { description } = body;
      if (present !== expectedObjectSha256 && present !== description.objectSha256) return 'changed';
      if (present !== description.objectSha256)
        await this.#renameOver(key, body, head.description ?? description, signal);
      await syncDirectory(dirname(path));
      await this.#writeDescription(key, description);
      return 'replaced';
    });
  }

  async overwrite(key: string, body: ObjectBody, signal: AbortSignal): Promise<void> {
    const path = this.#objectPath(key);
    await this.#explained(`overwrite ${key}`, signal, async () => {
      await makeDurableDirectory(this.#root, dirname(path));
      await this.#renameOver(key, body, body.description, signal);
      await syncDirectory(dirname(path));
      await this.#writeDescription(key, body.description);
    });
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    const path = this.#objectPath(key);
    const descriptionPath = this.#descriptionPath(key);
    await this.#explained(`remove ${key}`, signal, async () => {
      for (const file of [path, descriptionPath]) {
        const parent = await stat(dirname(file)).catch(ifMissing);
        if (!parent) continue;
        await unlink(file).catch(ifMissing);
        await syncDirectory(dirname(file));
      }
    });
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined> {
    const path = this.#objectPath(key);
    return this.#explained(`head ${key}`, signal, async () => {
      const stats = await stat(path).catch(ifMissing);
      if (!stats?.isFile()) return undefined;
      const text = await readFile(this.#descriptionPath(key), 'utf8').catch(ifMissing);
      const { description, next } = parseDescriptions(text);
      // Only while the object is replaced, or where that was broken off: its bytes tell which of the two they are.
      const isNext =
        next && (await objectDigest(this, key, { bytes: stats.size }, signal)) === next.objectSha256;
      return { bytes: stats.size, description: isNext ? next : description };
    });
  }

  async open(key: string, signal: AbortSignal): Promise<OpenedObject> {
    const head = await this.head(key, signal);
    if (!head) throw new ChatlogError('object_missing', `there is no ${key} in ${this.name}`);
    return { ...head, body: this.get(key, signal) };
  }

  async *get(key: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* createReadStream(this.#objectPath(key), { signal, highWaterMark: COPY_CHUNK_BYTES });
    } catch (error) {
      signal.throwIfAborted();
      throw this.#explain(`get ${key}`, error);
    }
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<{ key: string; bytes: number }> {
    yield* this.#listDirectory('', prefix, signal);
  }

  async check(signal: AbortSignal): Promise<void> {
    const path = this.#under(`${HIDDEN}/tmp/check-${randomUUID()}`);
    await this.#explained('write a test file', signal, async () => {
      const written = `${Date.now()}\n`;
      await writeSynced(path, written);
      const read = await readFile(path, 'utf8');
      await unlink(path);
      if (read !== written) throw new Error('the file system gave back other bytes than were written');
    });
  }

  async sweep(signal: AbortSignal): Promise<number> {
    const directory = this.#under(`${HIDDEN}/tmp`);
    let swept = 0;
    for await (const entry of await opendir(directory)) {
      signal.throwIfAborted();
      const path = join(directory, entry.name);
      const stats = await stat(path).catch(ifMissing);
      if (!stats?.isFile() || Date.now() - stats.mtimeMs < LEFTOVER_AGE_MS) continue;
      await unlink(path).catch(ifMissing);
      swept++;
    }
    return swept;
  }

  close(): void {}

  async #create(path: string, body: ObjectBody, signal: AbortSignal): Promise<void> {
    try {
      await syncFile(body.path);
      await link(body.path, path);
      body.onProgress?.();
    } catch (error) {
      if (!CANNOT_LINK.has(systemErrorCode(error) ?? '')) throw error;
      await this.#copy(path, body, signal);
    }
  }

  async #copy(path: string, body: ObjectBody, signal: AbortSignal): Promise<void> {
    const temporary = this.#under(`${HIDDEN}/tmp/${randomUUID()}`);
    try {
      await copyVerified(body, temporary, signal);
      await link(temporary, path).catch((error: unknown) =>
        renameWhereLinksAreUnknown(error, temporary, path),
      );
    } finally {
      await unlink(temporary).catch(ifMissing);
    }
  }

  /** Puts a copy in the place of what lies there, which `before` describes. */
  async #renameOver(
    key: string,
    body: ObjectBody,
    before: SegmentDescription,
    signal: AbortSignal,
  ): Promise<void> {
    const temporary = this.#under(`${HIDDEN}/tmp/${randomUUID()}`);
    try {
      await copyVerified(body, temporary, signal);
      await this.#writeDescription(key, before, body.description);
      await rename(temporary, this.#objectPath(key));
    } finally {
      await unlink(temporary).catch(ifMissing);
    }
  }

  /** @param next of the bytes that are about to take the place of those described */
  async #writeDescription(
    key: string,
    description: SegmentDescription,
    next?: SegmentDescription,
  ): Promise<void> {
    const prepared = await this.#prepareDescription(key, description, next);
    try {
      await prepared.commit();
    } finally {
      await prepared.discard();
    }
  }

  /** All but the rename that makes it count. */
  async #prepareDescription(
    key: string,
    description: SegmentDescription,
    next?: SegmentDescription,
  ): Promise<{ commit(): Promise<void>; discard(): Promise<void> }> {
    const path = this.#descriptionPath(key);
    const temporary = this.#under(`${HIDDEN}/tmp/${randomUUID()}`);
    await makeDurableDirectory(this.#root, dirname(path));
    const metadata = { ...toMetadata(description), ...(next ? { next: toMetadata(next) } : {}) };
    await writeSynced(temporary, `${JSON.stringify(metadata)}\n`);
    return {
      commit: async () => {
        await rename(temporary, path);
        await syncDirectory(dirname(path));
      },
      discard: () => unlink(temporary).catch(ifMissing),
    };
  }

  async *#listDirectory(
    directory: string,
    prefix: string,
    signal: AbortSignal,
  ): AsyncGenerator<{ key: string; bytes: number }> {
    signal.throwIfAborted();
    const path = join(this.#root, directory);
    const entries = (await readdir(path, { withFileTypes: true }).catch(ifMissing)) ?? [];
    const names = entries
      .filter((entry) => entry.isDirectory() || entry.isFile())
      .map((entry) => directory + entry.name + (entry.isDirectory() ? '/' : ''))
      .filter((key) => key !== `${HIDDEN}/`)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const key of names) {
      if (key.endsWith('/')) {
        if (key.startsWith(prefix) || prefix.startsWith(key)) yield* this.#listDirectory(key, prefix, signal);
      } else if (key.startsWith(prefix)) {
        const stats = await stat(join(this.#root, key)).catch(ifMissing);
        if (stats) yield { key, bytes: stats.size };
      }
    }
  }

  #objectPath(key: string): string {
    const parts = key.split('/');
    const proper = parts.every((part) => part !== '' && part !== '.' && part !== '..');
    if (!proper || parts[0] === HIDDEN || /[\0\\]/.test(key)) throw badKey(key);
    return this.#under(key);
  }

  #descriptionPath(key: string): string {
    return this.#under(`${HIDDEN}/meta/${key}.json`);
  }

  #under(path: string): string {
    const absolute = join(this.#root, path);
    const inside = relative(this.#root, absolute);
    if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`)) throw badKey(path);
    return absolute;
  }

  async #explained<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      throw this.#explain(what, error);
    }
  }

  #explain(what: string, error: unknown): ChatlogError {
    if (error instanceof ChatlogError) return error;
    const { code, hint } = EXPLANATIONS[systemErrorCode(error) ?? ''] ?? { code: 'server_error' };
    return new ChatlogError(code, `${what} in ${this.name} failed: ${errorText(error)}`, {
      retryable: true,
      hint,
      cause: error,
    });
  }
}

const CANNOT_LINK: ReadonlySet<string> = new Set([
  'EXDEV',
  'EPERM',
  'EMLINK',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
]);

const EXPLANATIONS: Record<string, { code: string; hint?: string }> = {
  ENOENT: { code: 'object_missing' },
  EACCES: { code: 'access_denied', hint: 'check the owner and the mode of archive.directory' },
  EPERM: { code: 'access_denied', hint: 'check the owner and the mode of archive.directory' },
  EROFS: { code: 'access_denied', hint: 'archive.directory lies on a file system that is mounted read-only' },
  ENOSPC: { code: 'storage_full', hint: 'the disk of archive.directory is full' },
  EDQUOT: { code: 'storage_full', hint: 'the quota of archive.directory is used up' },
};

/** File systems without hard links (FAT, some network mounts) get the next best: look, then rename. */
async function renameWhereLinksAreUnknown(error: unknown, from: string, to: string): Promise<void> {
  if (!CANNOT_LINK.has(systemErrorCode(error) ?? '')) throw error;
  if (await stat(to).catch(ifMissing)) {
    throw Object.assign(new Error(`${to} exists`), { code: 'EEXIST' });
  }
  await rename(from, to);
}

/** Throws `source_changed` where the copy is not what was described. */
async function copyVerified(body: ObjectBody, to: string, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  const target = await open(to, 'wx');
  try {
    for await (const chunk of createReadStream(body.path, { highWaterMark: COPY_CHUNK_BYTES, signal })) {
      hash.update(chunk);
      await target.writeFile(chunk);
      body.onProgress?.();
    }
    await target.sync();
  } finally {
    await target.close();
  }
  if (hash.digest('hex') === body.description.objectSha256) return;
  throw new ChatlogError('source_changed', `${body.path} changed while it was being copied`, {
    retryable: true,
  });
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Like `mkdir -p`, with every directory that was made durable in its parent. */
async function makeDurableDirectory(root: string, path: string): Promise<void> {
  const first = await makeDirectory(path);
  if (first === undefined) return;
  for (let made = path; made.length >= first.length && made !== root; made = dirname(made)) {
    await syncDirectory(dirname(made));
  }
}

/** Makes a directory durable in its parent, and that one in its own, up to the root. */
async function syncUpTo(root: string, path: string): Promise<void> {
  for (let directory = path; ; directory = dirname(directory)) {
    await syncDirectory(directory);
    if (directory === root) return;
  }
}

function parseDescriptions(text: string | undefined): {
  description?: SegmentDescription | undefined;
  next?: SegmentDescription | undefined;
} {
  try {
    const value: unknown = JSON.parse(text ?? '');
    const next = isRecord(value) && isRecord(value.next) ? value.next : undefined;
    return { description: fromMetadata(texts(value)), next: fromMetadata(texts(next)) };
  } catch {
    return {};
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object';
}

function texts(value: unknown): Record<string, string> | undefined {
  if (!isRecord(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, String(entry)]));
}

function badKey(key: string): ChatlogError {
  return new ChatlogError('key_invalid', `${JSON.stringify(key)} cannot be the key of an object`);
}
