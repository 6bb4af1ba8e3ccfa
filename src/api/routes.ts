/** Every route of the API, in the order of its description. */
import type { ApiApp, ApiContext } from './api-context.ts';
import { registerExportRoutes } from './export/export-route.ts';
import { registerPeerRoutes } from './peers/register-peer-routes.ts';
import { registerAdminIndexRoutes } from './routes/admin-index.ts';
import { registerMaintainRoute } from './routes/admin-maintain.ts';
import { registerPrivacyRoutes } from './routes/admin-privacy.ts';
import { registerChannelAdminRoutes } from './routes/channels-admin.ts';
import { registerLiveRoute } from './routes/live.ts';
import { registerQueryRoutes } from './routes/query-routes.ts';
import { registerTokenRoutes } from './routes/tokens.ts';

export function registerRoutes(app: ApiApp, context: ApiContext): void {
  registerQueryRoutes(app, context);
  registerLiveRoute(app, context);
  registerChannelAdminRoutes(app, context);
  registerTokenRoutes(app, context);
  registerMaintainRoute(app, context);
  registerAdminIndexRoutes(app, context);
  registerPrivacyRoutes(app, context);
  registerExportRoutes(app, context);
  registerPeerRoutes(app, context);
}
