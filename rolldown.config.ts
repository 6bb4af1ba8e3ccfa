import { defineConfig } from 'rolldown';

/**
 * What the image ships: the program in a few files, each loaded when its part is needed. Bundled, it starts faster and
 * holds less memory than from its modules (`npm run bench -- memory`).
 */
export default defineConfig({
  input: { main: 'src/main.ts' },
  platform: 'node',
  // Optional parts of dependencies that this program does not use.
  external: [/^node:/],
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
});
