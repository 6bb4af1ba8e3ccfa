/**
 * Bundles a program of the tests into one file: it starts in a third of the time that its modules take, which is most
 * of what a round of the crash loop costs. The code is the same; only where it lies differs.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

/** @param source beside this file. Returns the path of the bundle. */
export async function bundleChild(source: string, directory: string): Promise<string> {
  await build({
    input: { child: fileURLToPath(new URL(source, import.meta.url)) },
    platform: 'node',
    external: [/^node:/],
    logLevel: 'silent',
    output: {
      dir: directory,
      format: 'esm',
      entryFileNames: '[name].mjs',
      chunkFileNames: 'chunks/[name]-[hash].mjs',
      // Bundled CommonJS modules ask for require.
      banner:
        "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  return join(directory, 'child.mjs');
}
