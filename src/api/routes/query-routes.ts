/** The routes that read the index. */
import type { ApiApp, ApiContext } from '../api-context.ts';
import { registerChannelRoutes } from './channels.ts';
import { registerGapRoutes } from './gaps.ts';
import { registerMessageRoutes } from './messages.ts';
import { registerModActionRoutes } from './mod-actions.ts';
import { registerSearchRoutes } from './search.ts';
import { registerSegmentRoutes } from './segments.ts';
import { registerStatsRoutes } from './stats.ts';
import { registerUserActivityRoutes } from './user-activity.ts';
import { registerUserRoutes } from './users.ts';

export function registerQueryRoutes(app: ApiApp, context: ApiContext): void {
  registerMessageRoutes(app, context);
  registerSearchRoutes(app, context);
  registerUserRoutes(app, context);
  registerUserActivityRoutes(app, context);
  registerModActionRoutes(app, context);
  registerChannelRoutes(app, context);
  registerStatsRoutes(app, context);
  registerGapRoutes(app, context);
  registerSegmentRoutes(app, context);
}
