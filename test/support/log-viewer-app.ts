/** The log viewers' API alone, around a database. */
import type { ApiApp, ApiContext } from '../../src/api/api-context.ts';
import { createApiApp } from '../../src/api/app.ts';
import { registerPeerRoutes } from '../../src/api/peers/register-peer-routes.ts';
import { type Config, configSchema } from '../../src/config/schema.ts';
import type { Database } from '../../src/index/database/database.ts';
import { apiContext } from './api-context.ts';
import { NOW_MS } from './log-viewer-fixture.ts';

export interface LogViewerAppOptions {
  database: Database;
  config?: Config;
  overrides?: Partial<ApiContext>;
  register?: (app: ApiApp, context: ApiContext) => void;
}

export const FOREVER: Config = configSchema.parse({
  defaults: { retention_days: 'forever' },
  http: { rate_limit: 1_000_000 },
});

export async function logViewerApp({
  database,
  config = FOREVER,
  overrides,
  register = registerPeerRoutes,
}: LogViewerAppOptions): Promise<ApiApp> {
  const context = apiContext({
    database,
    overrides: { config: () => config, now: () => NOW_MS, ...overrides },
  });
  const app = await createApiApp(context);
  register(app, context);
  await app.ready();
  return app;
}
