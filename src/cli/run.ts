import { existsSync } from 'node:fs';
import { createLogger } from '../lib/create-logger.ts';
import { explainingFileErrors } from '../lib/explain-file-error.ts';
import { EXIT } from './exit-code.ts';
import { openConfig } from './open-config.ts';
import { packageInfo } from './package-info.ts';
import type { Terminal } from './terminal.ts';
import { writeExample } from './write-example.ts';

/**
 * `chatlog run`: records until it is told to stop. `create` writes the example where there is no configuration: for a
 * place nobody typed, as a typing error must not record something else.
 */
export async function run(options: { config: string; create: boolean }, terminal: Terminal): Promise<number> {
  const { config: configFile } = options;
  if (options.create && !existsSync(configFile) && (await writeExample(configFile, { overwrite: false }))) {
    terminal.err(
      `There was no ${configFile}: wrote one from the example. Edit it to record your own channels.`,
    );
  }
  const loaded = await openConfig(configFile, terminal);
  if (!loaded) return EXIT.usage;
  const { level, format } = loaded.config.log;
  const log = await createLogger({ level, format, secrets: loaded.secrets });
  const { runService } = await import('../service.ts');
  try {
    return await explainingFileErrors({ name: 'data_dir', path: loaded.config.data_dir }, () =>
      runService({ configFile, loaded, log, version: packageInfo().version }),
    );
  } finally {
    log.flush();
  }
}
