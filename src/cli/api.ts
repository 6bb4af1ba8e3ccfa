import { createLogger } from '../lib/create-logger.ts';
import { EXIT } from './exit-code.ts';
import { openConfig } from './open-config.ts';
import { packageInfo } from './package-info.ts';
import type { Terminal } from './terminal.ts';

/** `chatlog api`: answers requests until it is told to stop, and records nothing. */
export async function api(options: { config: string }, terminal: Terminal): Promise<number> {
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const { level, format } = loaded.config.log;
  const log = await createLogger({ level, format, secrets: loaded.secrets });
  const { runApi } = await import('../api/api-role.ts');
  try {
    return await runApi({ configFile: options.config, loaded, log, version: packageInfo().version });
  } finally {
    log.flush();
  }
}
