/** Every route of the API, in the order of its description. */
import type { ApiApp, ApiContext } from './api-context.ts';

export function registerRoutes(_app: ApiApp, _context: ApiContext): void {}
