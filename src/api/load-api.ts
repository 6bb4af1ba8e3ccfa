import type { RequestListener } from 'node:http';
import type { ApiContext } from './api-context.ts';
import { createApiApp } from './app.ts';
import { registerRoutes } from './routes.ts';

/** The whole API, ready to take requests from a server. */
export async function loadApi(context: ApiContext): Promise<RequestListener> {
  const app = await createApiApp(context);
  registerRoutes(app, context);
  await app.ready();
  return app.routing;
}
