import { cp, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';

/**
 * What the image ships: the program in a few files, each loaded when its part is needed. Bundled, it starts faster and
 * holds less memory than from its modules (`npm run bench -- memory`).
 */
export default defineConfig({
  input: { main: 'src/main.ts', 'pglite-worker': 'src/index/database/pglite-worker.ts' },
  platform: 'node',
  external: [
    /^node:/,
    // It finds its WebAssembly beside itself: it is copied as it is.
    /^@electric-sql\/pglite/,
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

/** What the program reads while it runs. */
function files(): Plugin {
  return {
    name: 'files',
    async writeBundle() {
      await cp('src/index/migrations', 'dist/migrations', { recursive: true });
      await copy('node_modules/swagger-ui-dist', 'dist/assets/swagger-ui', [
        'LICENSE',
        'NOTICE',
        'swagger-ui.css',
        'swagger-ui-bundle.js',
        'favicon-32x32.png',
      ]);
      const pglite = 'node_modules/@electric-sql/pglite';
      const programs = (await readdir(join(pglite, 'dist'))).filter((file) => file.endsWith('.js'));
      await copy(pglite, 'dist/node_modules/@electric-sql/pglite', [
        'LICENSE',
        'package.json',
        ...programs.map((file) => join('dist', file)),
        'dist/pglite.wasm',
        'dist/pglite.data',
        'dist/initdb.wasm',
        'dist/contrib/pg_trgm.js',
        'dist/pg_trgm.tar.gz',
      ]);
    },
  };
}

async function copy(from: string, to: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(join(to, name)), { recursive: true });
    await cp(join(from, name), join(to, name));
  }
}
