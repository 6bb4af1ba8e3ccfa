import { cp, mkdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';

/**
 * What the image ships: the program in a few files, each loaded when its part is needed. Bundled, it starts faster and
 * holds less memory than from its modules (`npm run bench -- memory`).
 */
export default defineConfig({
  input: {
    main: 'src/main.ts',
    'pglite-worker': 'src/index/database/pglite-worker.ts',
    'archive-worker': 'src/archive/scan/archive-worker.ts',
  },
  platform: 'node',
  external: [
    /^node:/,
    // It finds its WebAssembly beside itself: it is copied as it is.
    /^@electric-sql\/pglite/,
    // Who wants it installs it.
    /^@duckdb\//,
    // An optional part of `pg` that this program does not use.
    'pg-native',
  ],
  output: {
    dir: 'dist',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    minify: { compress: true, mangle: false },
    // Bundled CommonJS modules ask for require.
    banner:
      "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    cleanDir: true,
  },
  plugins: [files()],
});

/** Of its extensions only the one that is used; no types, no source maps, nothing for other module systems. */
const PGLITE_FILES = /\.(js|json|wasm|data)$|\/pg_trgm\.tar\.gz$/;

/** What the program reads while it runs. */
function files(): Plugin {
  return {
    name: 'files',
    async writeBundle({ dir = 'dist' }) {
      await cp('src/index/migrations', join(dir, 'migrations'), { recursive: true });
      await copy('node_modules/swagger-ui-dist', join(dir, 'assets/swagger-ui'), [
        'LICENSE',
        'NOTICE',
        'swagger-ui.css',
        'swagger-ui-bundle.js',
        'favicon-32x32.png',
      ]);
      const pglite = '@electric-sql/pglite';
      await cp(join('node_modules', pglite), join(dir, 'node_modules', pglite), {
        recursive: true,
        filter: (path) => !extname(path) || PGLITE_FILES.test(path),
      });
    },
  };
}

async function copy(from: string, to: string, names: readonly string[]): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of names) await cp(join(from, name), join(to, name));
}
