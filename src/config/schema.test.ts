import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { configSchema } from './schema.ts';

interface Node {
  type?: string;
  default?: unknown;
  properties?: Record<string, Node>;
  additionalProperties?: Node | boolean;
}

/** Every key that is no mapping, with its default as JSON. */
function leaves(node: Node, path: string): [key: string, standard: string][] {
  if (node.properties) {
    return Object.entries(node.properties).flatMap(([key, child]) =>
      leaves(child, path === '' ? key : `${path}.${key}`),
    );
  }
  if (typeof node.additionalProperties === 'object' && node.additionalProperties.properties)
    return leaves(node.additionalProperties, '');
  // Zod leaves out the default of a list whose items are transformed.
  if (node.type === 'array') return [[path, `\`${JSON.stringify(node.default ?? [])}\``]];
  return [[path, node.default === undefined ? '' : `\`${JSON.stringify(node.default)}\``]];
}

it('docs/configuration.md names every key with its default, and no other key', () => {
  const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const rows = [...text.split('## Top level')[1]!.matchAll(/^\| `([^`]+)` \| (.*?) ?\| /gm)].map(
    ([, key, standard]) => [key, standard],
  );
  const schema = z.toJSONSchema(configSchema, { io: 'input' }) as Node;
  expect(rows.sort()).toEqual(leaves(schema, '').sort());
});

it.each(['https://user:pass@host/path', 'https://host/path?token=abc', 'https://host/path#part'])(
  'takes no URL with a secret in it, or with an end to which no path can be added: %s',
  (url) => {
    const { error } = configSchema.safeParse({
      twitch: { backfill: { url } },
      s3: { bucket: 'b', endpoint: url },
    });
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['twitch.backfill.url', 's3.endpoint']);
  },
);
