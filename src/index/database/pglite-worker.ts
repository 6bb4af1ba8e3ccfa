/**
 * PGlite in a thread of its own, so that no query is felt on the main one. One request at a time, in their order;
 * whose turn it is, and transactions, are the other side's business (`pglite-database.ts`).
 */
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite, types } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';

export type PgliteRequest =
  | { id: number; kind: 'query'; sql: string; parameters: readonly unknown[] }
  | { id: number; kind: 'exec'; sql: string }
  | { id: number; kind: 'copy'; target: string; rows: Uint8Array }
  | { id: number; kind: 'close' };

export type PgliteReply =
  | { id: number; rows: Record<string, unknown>[]; rowCount: number }
  | { id: number; error: { message: string; code?: string; detail?: string } };

const port = parentPort!;
const opening = PGlite.create({
  dataDir: (workerData as { directory: string }).directory,
  extensions: { pg_trgm },
  parsers: {
    [types.INT8]: Number,
    [types.NUMERIC]: Number,
    [types.DATE]: (text: string) => text,
  },
});
/** What nothing can be asked any more. Its thread ends, so that the next use begins with a new one. */
let isLost = false;
// Said with the first request; without a listener it would end the process.
opening.catch(() => {
  isLost = true;
});

let turn: Promise<void> = Promise.resolve();
port.on('message', (request: PgliteRequest) => {
  turn = turn.then(async () => {
    port.postMessage(await answer(request));
    if (request.kind === 'close') port.close();
    // What was posted arrives all the same.
    else if (isLost) process.exit();
  });
});

async function answer(request: PgliteRequest): Promise<PgliteReply> {
  const { id } = request;
  try {
    return { id, ...(await perform(await opening, request)) };
  } catch (error) {
    isLost ||= isAbort(error);
    const { message, code, detail } = error as { message: string; code?: string; detail?: string };
    return { id, error: { message: String(message), ...(code && { code }), ...(detail && { detail }) } };
  }
}

/** The program itself ended, out of memory for one: PostgreSQL's own errors are none of these. */
function isAbort(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError || String((error as Error).message).startsWith('Aborted(');
}

async function perform(
  db: PGlite,
  request: PgliteRequest,
): Promise<{ rows: Record<string, unknown>[]; rowCount: number }> {
  switch (request.kind) {
    case 'query': {
      const { rows, affectedRows } = await db.query<Record<string, unknown>>(request.sql, [
        ...request.parameters,
      ]);
      return { rows, rowCount: Math.max(affectedRows ?? 0, rows.length) };
    }
    case 'exec':
      await db.exec(request.sql);
      return { rows: [], rowCount: 0 };
    case 'copy': {
      const blob = new Blob([request.rows as Uint8Array<ArrayBuffer>]);
      const { affectedRows } = await db.query(`COPY ${request.target} FROM '/dev/blob'`, [], { blob });
      return { rows: [], rowCount: affectedRows ?? 0 };
    }
    case 'close':
      await db.close();
      return { rows: [], rowCount: 0 };
  }
}
