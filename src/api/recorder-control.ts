/** The recorder as the API may ask it: channels by the configuration file, as `chatlog channels` edits it. */
import { parseSetting } from '../config/channel-setting.ts';
import type { ChannelEdit } from '../config/edit-channels.ts';
import { formatProblem } from '../config/problem.ts';
import type { Connector } from '../connectors/connector.ts';
import { ChatlogError } from '../lib/errors.ts';
import type { RecorderControl } from './api-context.ts';

export interface RecorderControlOptions {
  configFile: string;
  connectors: readonly Connector[];
  /** Puts the file into effect now rather than when its change is noticed. */
  reload(): Promise<unknown>;
  /** Leaves the channel and joins it again. */
  rejoin(platform: string, name: string): void;
}

/**
 * Errors, each with a sentence for people: `channel_exists`; `edit_refused` (no such channel or network in the file, or a
 * layout that cannot be edited safely); `config_invalid` (the file would be wrong afterwards).
 */
export function createRecorderControl(options: RecorderControlOptions): RecorderControl {
  const { configFile, connectors, reload, rejoin } = options;
  let turn: Promise<unknown> = Promise.resolve();
  const edit = (platform: string, edits: readonly ChannelEdit[]): Promise<void> => {
    // One at a time: each reads the file that the one before wrote.
    const mine = turn.then(() => apply(configFile, platform, edits)).then(reload);
    turn = mine.catch(() => {});
    return mine.then(() => {});
  };
  const channelStates = () =>
    connectors.flatMap((connector) => {
      const { platform, channels } = connector.status();
      return channels.map(({ channel, state, reason }) => ({ platform, channel, state, reason }));
    });
  return {
    channelStates,
    addChannel: (platform, name) => edit(platform, [{ action: 'add', name }]),
    removeChannel: (platform, name) => edit(platform, [{ action: 'remove', name }]),
    setChannel: (platform, name, settings) =>
      edit(
        platform,
        Object.entries(settings).map(([key, value]) => settingEdit(name, key, value)),
      ),
    rejoin: async (platform, name) => rejoin(platform, name),
  };
}

async function apply(file: string, platform: string, edits: readonly ChannelEdit[]): Promise<void> {
  const { editConfigFile } = await import('../config/edit-config-file.ts');
  const edit = await editConfigFile(file, platform, edits);
  switch (edit.outcome) {
    case 'missing':
      throw new ChatlogError('config_invalid', 'the configuration file is gone');
    case 'refused':
      throw new ChatlogError('edit_refused', edit.problems.join('; '));
    case 'invalid':
      throw new ChatlogError('config_invalid', formatProblem(edit.problems[0]!));
    default:
      if (edit.done.length === 0) throw new ChatlogError('channel_exists', edit.already.join('; '));
  }
}

function settingEdit(name: string, key: string, value: string): ChannelEdit {
  const setting = parseSetting(`${key}=${value}`);
  if (!setting.ok) throw new ChatlogError('config_invalid', setting.problem);
  return { action: 'set', name, key: setting.key, value: setting.value };
}
