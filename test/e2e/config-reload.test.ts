/** The configuration file is edited while Chatlog runs: what changes takes effect, and nobody else loses a message. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Config } from '../../src/config/schema.ts';
import { corpusLinesOn } from '../support/corpus.ts';
import { chatLines } from '../support/live-lines.ts';
import { compareTwitch, gapsOf, NOTHING_WRONG, recordedIn } from '../support/recorded.ts';
import type { RunningChatlog } from '../support/run-chatlog.ts';
import { chatlog as command } from '../support/run-command.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';
import { waitFor } from '../support/wait-for.ts';

// biome-ignore lint/suspicious/noExplicitAny: the configuration as YAML has it, before it is checked
type Yaml = any;

async function edit(chatlog: RunningChatlog, change: (config: Yaml) => void): Promise<void> {
  const config: Yaml = parse(await readFile(chatlog.configFile, 'utf8'));
  change(config);
  await writeFile(chatlog.configFile, stringify(config));
}

test.concurrent('channels come and go and sampling changes while another channel talks: nothing of it is missed', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann', 'carl'] });
  await joined(chatlog, 'ann', 'carl');
  const lines = corpusLinesOn('ann');
  const flow = server.replay(lines, { perSecond: 1000 });

  const carlBefore = chatLines('carl', 20, 'before');
  server.sayTo('carl', ...carlBefore);
  await arrived(chatlog, carlBefore);
  await edit(chatlog, (config) => {
    config.twitch.channels = ['ann', { name: 'carl', sampling_rate: 0 }, 'bob'];
  });
  await joined(chatlog, 'bob');
  const bobs = chatLines('bob', 20);
  const carlAfter = chatLines('carl', 20, 'after');
  server.sayTo('carl', ...carlAfter);
  server.sayTo('bob', ...bobs);
  await arrived(chatlog, bobs);

  await edit(chatlog, (config) => {
    config.twitch.channels = ['ann', { name: 'carl' }, { name: 'bob', enabled: false }];
  });
  await waitFor('bob is parted', () => server.joined('bob') === 0);
  expect(server.sayTo('bob', ...chatLines('bob', 3, 'unheard'))).toBe(0);
  const carlAgain = chatLines('carl', 20, 'again');
  server.sayTo('carl', ...carlAgain);
  await arrived(chatlog, carlAgain);
  await flow;
  await arrived(chatlog, lines);
  const status = await chatlog.status();
  expect(status.channels.map(({ channel }) => channel).toSorted()).toEqual(['ann', 'carl']);
  expect(status.recorder.sampledOut).toBe(20);
  await chatlog.stop();

  const events = await recordedIn(directory.path);
  expect(compareTwitch(events, [...lines, ...bobs, ...carlBefore, ...carlAgain])).toEqual(NOTHING_WRONG);
  expect(gapsOf(events)).toEqual([]);
  expect(server.accepted, 'on the connection that it had').toBe(1);
});

test.concurrent('a broken edit changes nothing and is explained, until it is mended', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await joined(chatlog, 'ann');
  const good = await readFile(chatlog.configFile, 'utf8');
  // At once, as editors do: half a file would be another mistake.
  const edited = directory.join('edited.yaml');
  await writeFile(edited, good.replace('channels:', 'chanels:').replace('- ann', '- ann\n    - bob'));
  await rename(edited, chatlog.configFile);
  const unhealthy = async () => {
    const response = await fetch(`${await chatlog.url()}/health`);
    const body = (await response.json()) as { components: { config: { ok: boolean; detail: string } } };
    return response.status === 503 && !body.components.config.ok ? body.components.config.detail : undefined;
  };
  const detail = await waitFor('/health says so', unhealthy);
  expect(detail).toMatch(/the older configuration stays/);
  expect(detail).toMatch(/config\.yaml:\d+:\d+.*chanels.*channels/s);
  const told = () =>
    chatlog.log().filter(({ msg }) => msg.includes('the older configuration stays in effect'));
  expect(told()).toHaveLength(1);
  expect(told()[0]).toMatchObject({ level: 'error', problems: [expect.stringContaining('chanels')] });
  // Asked for by hand, it is told again.
  chatlog.signal('SIGHUP');
  await chatlog.until('it is told again', () => told().length === 2);
  // Neither is it ready to forget what it does.
  expect((await fetch(`${await chatlog.url()}/health/ready`)).status).toBe(200);
  const lines = chatLines('ann', 10);
  server.sayTo('ann', ...lines);
  await arrived(chatlog, lines);
  expect(server.joined('bob')).toBe(0);

  await writeFile(chatlog.configFile, good.replace('- ann', '- ann\n    - bob'));
  await joined(chatlog, 'ann', 'bob');
  expect((await fetch(`${await chatlog.url()}/health`)).status).toBe(200);
  await chatlog.stop();
  expect(compareTwitch(await recordedIn(directory.path), lines)).toEqual(NOTHING_WRONG);
});

test.concurrent('a broken edit that is taken back is forgotten', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await joined(chatlog, 'ann');
  const good = await readFile(chatlog.configFile, 'utf8');
  await writeFile(chatlog.configFile, 'twitch: [');
  const config = async () => (await chatlog.status()).components.config!;
  await chatlog.until('it is noticed', async () => !(await config()).ok);
  await writeFile(chatlog.configFile, good);
  await chatlog.until('it is well again', async () => (await config()).ok);
  await chatlog.stop();
});

test.concurrent('SIGHUP reads the file; what needs a restart is named, what does not is in effect', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await joined(chatlog, 'ann');
  await edit(chatlog, (config: Config) => {
    config.twitch!.channels.push('bob' as never);
    config.twitch!.channels_per_connection = 50;
    config.recorder.compression = 'gzip';
    config.log.level = 'error';
  });
  chatlog.signal('SIGHUP');
  await joined(chatlog, 'ann', 'bob');
  await chatlog.until('it has read the file', () => chatlog.output.includes('(SIGHUP)'));
  expect(server.accepted).toBe(1);
  const warned = () => chatlog.log().find(({ msg }) => msg.startsWith('these changes need a restart'));
  // The new level hides warnings, but not this one of the same moment, whichever comes first.
  await chatlog.until('it names them', () => warned() !== undefined);
  expect(warned()!.keys).toEqual(
    expect.arrayContaining(['twitch.channels_per_connection', 'recorder.compression']),
  );
  await chatlog.stop();
});

test.concurrent('`chatlog channels add` and `remove` take effect in the running recorder, and keep the comments', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await joined(chatlog, 'ann');
  await writeFile(chatlog.configFile, `# Mine.\n${await readFile(chatlog.configFile, 'utf8')}`);
  const added = await command(directory.path, 'channels', 'add', 'bob', 'carl');
  expect(added).toMatchObject({ code: 0, stderr: '' });
  expect(added.stdout).toContain('takes it up by itself');
  await joined(chatlog, 'ann', 'bob', 'carl');
  const removed = await command(directory.path, 'channels', 'remove', 'ann');
  expect(removed.code).toBe(0);
  await waitFor('ann is parted', () => server.joined('ann') === 0);
  const { stdout } = await command(directory.path, 'channels', 'list', '--json');
  expect(JSON.parse(stdout).map(({ name }: { name: string }) => name)).toEqual(['bob', 'carl']);
  expect(await readFile(chatlog.configFile, 'utf8')).toMatch(/^# Mine\.\n/);
  const lines = chatLines('bob', 5);
  server.sayTo('bob', ...lines);
  await arrived(chatlog, lines);
  await chatlog.stop();
});
