/** The API over an index of generated lines: for tests of what it answers. */
import type { ApiContext } from '../../src/api/api-context.ts';
import { createApiApp } from '../../src/api/app.ts';
import { registerQueryRoutes } from '../../src/api/routes/query-routes.ts';
import { newToken } from '../../src/api/tokens/token-store.ts';
import type { ChatEvent } from '../../src/event.ts';
import type { Database } from '../../src/index/database/database.ts';
import { storedEvent } from '../../src/index/message-row.ts';
import { STORED_COLUMNS, STORED_JOINS, type StoredRow } from '../../src/index/stored-row.ts';
import { apiContext, type TestContextOptions } from './api-context.ts';
import { indexSegments, type WorldOptions } from './index-lines.ts';
import { loaderOn, segmentChunk } from './loader-fixture.ts';

export interface Answer<Body> {
  status: number;
  body: Body;
  headers: Record<string, unknown>;
}

export interface TestApi extends AsyncDisposable {
  readonly context: ApiContext;
  /** As this machine's own commands ask, who may do everything. */
  readonly authorization: string;
  get<Body = Record<string, unknown>>(url: string, headers?: Record<string, string>): Promise<Answer<Body>>;
}

/** Close it, and then its database. */
export async function openApi(options: TestContextOptions): Promise<TestApi> {
  const localToken = newToken();
  const context = { ...apiContext(options), localToken };
  const app = await createApiApp(context);
  registerQueryRoutes(app, context);
  await app.ready();
  return {
    context,
    authorization: `Bearer ${localToken}`,
    async get<Body>(url: string, headers: Record<string, string> = {}) {
      const answer = await app.inject({ url, headers });
      const isJson = String(answer.headers['content-type']).startsWith('application/json');
      return {
        status: answer.statusCode,
        body: (isJson && answer.payload !== '' ? answer.json() : answer.payload) as Body,
        headers: answer.headers,
      };
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** Loads lines of a small world; its sessions too. */
export async function loadWorld(database: Database, world: WorldOptions, nowMs: number): Promise<void> {
  const loader = loaderOn(database, nowMs);
  const segments = indexSegments(world);
  await loader.load(segments.map((lines, index) => segmentChunk(`world-${index}`, lines)));
  await loader.derive();
}

/** Lines of one's own, each as one object. */
export async function loadEvents(
  database: Database,
  name: string,
  events: readonly ChatEvent[],
  nowMs: number,
): Promise<void> {
  const loader = loaderOn(database, nowMs);
  await loader.load([
    segmentChunk(
      name,
      events.map((event) => JSON.stringify(event)),
    ),
  ]);
  await loader.derive();
}

export interface PlainMessage {
  row: StoredRow;
  event: ChatEvent;
}

/** Every message of the index, read without any of the API's queries. */
export async function everyMessage(database: Database): Promise<PlainMessage[]> {
  return database.read(async (session) => {
    const { rows } = await session.query(`SELECT ${STORED_COLUMNS} FROM messages m ${STORED_JOINS}`);
    return (rows as unknown as StoredRow[]).map((row) => ({ row, event: storedEvent(row) }));
  });
}
