import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PackageInfo {
  root: string;
  version: string;
}

/** The package that this file belongs to: the same from `src/` and from a bundle in `dist/`. */
export function packageInfo(): PackageInfo {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (true) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
      if (name === 'chatlog') return { root: directory, version: String(version) };
    } catch {
      // Not here: one up.
    }
    const parent = dirname(directory);
    if (parent === directory) return { root: process.cwd(), version: 'unknown' };
    directory = parent;
  }
}

/** Copied to a new configuration by `init` and by the first `run`. */
export function exampleConfigPath(): string {
  return join(packageInfo().root, 'config.example.yaml');
}
