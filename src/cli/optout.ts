/** `chatlog optout`: users and channels that are neither recorded nor served. */
import type { LoadedConfig } from '../config/load-config.ts';
import { escapeControl } from '../lib/escape-control.ts';
import type { Optout, OptoutSubject } from '../privacy/privacy-desk.ts';
import { EXIT } from './exit-code.ts';
import { askInstance } from './local-admin.ts';
import { openConfig } from './open-config.ts';
import { type Cell, type Terminal, table } from './terminal.ts';
import { withPrivacy } from './with-privacy.ts';

export interface OptoutOptions {
  config: string;
  platform: string;
  user?: string;
  channel?: string;
  json?: boolean;
}

const PATH = '/api/admin/optouts';
const never = new AbortController().signal;

/** `add` and `remove`. */
export async function setOptoutCommand(
  isOut: boolean,
  options: OptoutOptions,
  terminal: Terminal,
): Promise<number> {
  const { platform, user, channel } = options;
  if ((user === undefined) === (channel === undefined)) {
    terminal.err('Who? One of --user ID|NAME and --channel NAME.');
    return EXIT.usage;
  }
  const subject: OptoutSubject = user === undefined ? { platform, channel: channel! } : { platform, user };
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const made =
    (await setThere(loaded, subject, isOut)) ??
    (await withPrivacy(loaded, never, ({ desk }) => desk.setOptout(subject, isOut, 'command', never)));
  const who = escapeControl(`${user ?? channel} (${platform})`);
  if (options.json) terminal.out(JSON.stringify(made, null, 2));
  else if (isOut)
    terminal.out(
      `${who} is opted out: neither recorded nor served from now on. To remove what there is: chatlog forget`,
    );
  else terminal.out(`${who} is recorded and served again.`);
  return EXIT.ok;
}

async function setThere(
  { config }: LoadedConfig,
  subject: OptoutSubject,
  isOut: boolean,
): Promise<{ id: string; timestamp: string } | undefined> {
  const answer = isOut
    ? await askInstance(config, 'POST', PATH, subject)
    : await askInstance(config, 'DELETE', `${PATH}?${new URLSearchParams({ ...subject })}`);
  return answer?.body as { id: string; timestamp: string } | undefined;
}

export async function listOptoutsCommand(
  options: { config: string; json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const asked = (await askInstance(loaded.config, 'GET', PATH))?.body as { optouts: Optout[] } | undefined;
  const optouts = asked?.optouts ?? (await withPrivacy(loaded, never, async ({ desk }) => desk.optouts()));
  if (options.json) terminal.out(JSON.stringify(optouts, null, 2));
  else if (optouts.length === 0) terminal.out('Nobody opted out.');
  else terminal.out(optoutTable(optouts, terminal));
  return EXIT.ok;
}

function optoutTable(optouts: readonly Optout[], terminal: Terminal): string {
  const rows = optouts.map(({ platform, channel, hash, since, by }): Cell[] => [
    { text: platform },
    { text: channel === undefined ? 'user' : 'channel' },
    // Of a user nothing but the digest is kept.
    { text: channel ?? hash!.slice(0, 16), style: 'bold' },
    { text: since.slice(0, 16).replace('T', ' ') },
    { text: by },
  ]);
  return table(terminal, ['PLATFORM', 'WHAT', 'NAME OR DIGEST', 'SINCE', 'BY'], rows);
}
