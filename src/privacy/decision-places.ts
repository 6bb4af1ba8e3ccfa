/**
 * Where decisions are kept. Each place holds the same small objects, every one created once under its id:
 *
 *     directory  <data_dir>/state/decisions/<id>.json: durable before a decision takes effect, and there without any network
 *     archive    chatlog-decisions/<id>.json: outlives this machine and every database
 *     database   the table `decisions`: for processes that have neither the same disk nor the same storage
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RECORD_FORMAT_VERSION } from '../event.ts';
import type { Database } from '../index/database/database.ts';
import { databaseText, plainText } from '../index/database-text.ts';
import { makeDirectory } from '../lib/make-directory.ts';
import { syncDirectory } from '../spool.ts';
import { collectBytes } from '../storage/collect-bytes.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { describeSegment } from '../uploading/describe-segment.ts';
import { DECISION_PREFIX, type Decision } from './decision.ts';

export interface DecisionPlace {
  readonly name: string;
  /** Of this machine alone: a new one begins with it empty, whatever was decided elsewhere. */
  readonly isLocal?: true;
  ids(signal: AbortSignal): Promise<ReadonlySet<string>>;
  /** The JSON text. */
  read(id: string, signal: AbortSignal): Promise<string>;
  /** What is there already stays. */
  write(decision: Decision, text: string, signal: AbortSignal): Promise<void>;
}

const FILE = /^([0-9A-Za-z-]+)\.json$/;

export function decisionDirectory(directory: string): DecisionPlace {
  const path = (id: string) => join(directory, `${id}.json`);
  return {
    name: directory,
    isLocal: true,
    ids: async () => {
      await makeDirectory(directory);
      return new Set((await readdir(directory)).flatMap((file) => FILE.exec(file)?.[1] ?? []));
    },
    read: (id) => readFile(path(id), 'utf8'),
    write: async ({ id }, text) => {
      await makeDirectory(directory);
      const temporary = join(directory, `.${randomUUID()}.tmp`);
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(text);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path(id));
      } finally {
        await rm(temporary, { force: true });
      }
      await syncDirectory(directory);
    },
  };
}

export function decisionArchive(store: ObjectStore): DecisionPlace {
  const key = (id: string) => `${DECISION_PREFIX}${id}.json`;
  return {
    name: store.name,
    ids: async (signal) => {
      const ids = new Set<string>();
      for await (const object of store.list(DECISION_PREFIX, signal)) {
        const id = FILE.exec(object.key.slice(DECISION_PREFIX.length))?.[1];
        if (id !== undefined) ids.add(id);
      }
      return ids;
    },
    read: async (id, signal) => (await collectBytes(store.get(key(id), signal))).toString('utf8'),
    write: async ({ id }, text, signal) => {
      const directory = await mkdtemp(join(tmpdir(), 'chatlog-decision-'));
      try {
        const path = join(directory, 'decision.json');
        await writeFile(path, text);
        const origin = { formatVersion: RECORD_FORMAT_VERSION, instance: '' };
        await store.put(
          key(id),
          { path, description: await describeSegment(path, 'none', origin, signal) },
          signal,
        );
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

/** JSON with every text in it as it was before the database took it. */
export function eachPlainText(json: string): string {
  return JSON.stringify(JSON.parse(json, eachText(plainText)));
}

function eachText(change: (text: string) => string): (key: string, value: unknown) => unknown {
  return (_, value) => (typeof value === 'string' ? change(value) : value);
}

export function decisionTable(database: Database): DecisionPlace {
  return {
    name: database.name,
    ids: (signal) =>
      database.read(
        async (session) => {
          const { rows } = await session.query('SELECT id FROM decisions');
          return new Set(rows.map(({ id }) => id as string));
        },
        { signal },
      ),
    read: (id, signal) =>
      database.read(
        async (session) => {
          const { rows } = await session.query('SELECT content::text AS text FROM decisions WHERE id = $1', [
            id,
          ]);
          const text = String(rows[0]?.text ?? 'null');
          return eachPlainText(text);
        },
        { signal },
      ),
    write: async (decision, _text, signal) => {
      await database.transaction(
        (session) =>
          session.query(
            `INSERT INTO decisions (id, kind, platform, hash, made_at, content)
             VALUES ($1, $2, $3, $4, $5::timestamptz, $6::jsonb) ON CONFLICT DO NOTHING`,
            [
              decision.id,
              decision.kind,
              databaseText(decision.platform),
              'user' in decision ? decision.user.hash : null,
              decision.timestamp,
              JSON.stringify(decision, eachText(databaseText)),
            ],
          ),
        { signal },
      );
    },
  };
}
