/** Every route of the API, in the order of its description. */
import type { ApiApp, ApiContext } from './api-context.ts';
import { registerExportRoutes } from './export/export-route.ts';
import { registerPeerRoutes } from './peers/register-peer-routes.ts';
import { registerAdminIndexRoutes } from './routes/admin-index.ts';
import { registerMaintainRoute } from './routes/admin-maintain.ts';
import { registerPrivacyRoutes } from './routes/admin-privacy.ts';
import { registerChannelRoutes } from './routes/channels.ts';
import { registerChannelAdminRoutes } from './routes/channels-admin.ts';
import { registerGapRoutes } from './routes/gaps.ts';
import { registerMessageRoutes } from './routes/messages.ts';
import { registerModActionRoutes } from './routes/mod-actions.ts';
import { registerSearchRoutes } from './routes/search.ts';
import { registerSegmentRoutes } from './routes/segments.ts';
import { registerStatsRoutes } from './routes/stats.ts';
import { registerTokenRoutes } from './routes/tokens.ts';
import { registerUserActivityRoutes } from './routes/user-activity.ts';
import { registerUserRoutes } from './routes/users.ts';

export function registerRoutes(app: ApiApp, context: ApiContext): void {
  registerMessageRoutes(app, context);
  registerSearchRoutes(app, context);
  registerUserRoutes(app, context);
  registerUserActivityRoutes(app, context);
  registerModActionRoutes(app, context);
  registerChannelRoutes(app, context);
  registerStatsRoutes(app, context);
  registerGapRoutes(app, context);
  registerSegmentRoutes(app, context);
  registerChannelAdminRoutes(app, context);
  registerTokenRoutes(app, context);
  registerMaintainRoute(app, context);
  registerAdminIndexRoutes(app, context);
  registerPrivacyRoutes(app, context);
  registerExportRoutes(app, context);
  registerPeerRoutes(app, context);
}
