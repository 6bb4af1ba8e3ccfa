// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${...}` is what the configuration is filled in by
/**
 * Edits the channels in a configuration's text: comments, order, quotes, blank lines and indentation stay as they
 * are. Pure: text in, text out. Every result is parsed again and compared with what was asked for, so that an
 * unusual layout ends in a refusal, never in a wrong file.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isScalar, parseDocument } from 'yaml';
import { channelIdentity, channelName } from './channel-names.ts';
import type { SettingKey, SettingValue } from './channel-setting.ts';
import { ChannelSplicer, EditRefusal, escapeFill } from './channel-splicer.ts';
import { didYouMean } from './nearest-word.ts';
import { formatProblem, quote } from './problem.ts';
import { YamlSource } from './yaml-source.ts';
import { parseYaml } from './yaml-tree.ts';

export type ChannelEdit =
  | { action: 'add'; name: string }
  | { action: 'remove'; name: string }
  /** `undefined` takes the setting out, back to the default. */
  | { action: 'set'; name: string; key: SettingKey; value: SettingValue | undefined };

/** `already`: an addition of what is there. */
export type EditResult = { ok: true; text: string } | { ok: false; problem: string; already?: true };

/**
 * `platform` is `twitch` or `irc-<network>`. A channel that is there already (add) or not (remove, set) is a problem;
 * one that is named several times (`xqc` and `#XQC`) is removed or set in all of its entries.
 */
export function editChannels(text: string, platform: string, edit: ChannelEdit): EditResult {
  const { doc, problems } = parseYaml('line', text, { keepSourceTokens: true });
  if (!doc || problems.length > 0) {
    const first = formatProblem(problems[0]!).replace(/^line:/, 'line ');
    return { ok: false, problem: `the file must be repaired first: ${first}` };
  }
  const name = channelName(platform, edit.name);
  if ('problem' in name) return { ok: false, problem: `${quote(edit.name)} ${name.problem}` };
  try {
    return { ok: true, text: edited(text, doc, platform, { ...edit, name: name.name }) };
  } catch (error) {
    if (error instanceof AlreadyThere) return { ok: false, problem: error.message, already: true };
    if (error instanceof EditRefusal) return { ok: false, problem: error.message };
    throw error;
  }
}

class AlreadyThere extends EditRefusal {}

function edited(text: string, doc: Document.Parsed, platform: string, edit: ChannelEdit): string {
  const { contents } = doc;
  if (contents && !isMap(contents) && !(isScalar(contents) && contents.value === null)) {
    throw new EditRefusal('the file should be a mapping ("key: value" lines)');
  }
  const path = platform === 'twitch' ? ['twitch'] : ['irc', platform.replace(/^irc-/, '')];
  const splicer = new ChannelSplicer(new YamlSource(text, doc), path);
  // An alias on the way is refused before anything else.
  splicer.list();
  const expected = plainValues(doc);
  const section = plainSection(expected, path, edit);
  const left = applyToValues(section, platform, edit, splicer);
  const result = splicer.source.result();
  const after = parseDocument(result, { prettyErrors: false, logLevel: 'error' });
  if (after.errors.length > 0 || !isDeepStrictEqual(plainValues(after), expected)) {
    throw new EditRefusal(UNSAFE);
  }
  return left === 0 ? result : edited(result, parseSource(result), platform, edit);
}

function parseSource(text: string): Document.Parsed {
  const { doc, problems } = parseYaml('line', text, { keepSourceTokens: true });
  if (!doc || problems.length > 0) throw new EditRefusal(UNSAFE);
  return doc;
}

const UNSAFE = 'this layout (anchors, tags, explicit keys?) cannot be edited safely; edit it by hand';

type Entry = string | { name?: unknown; [key: string]: unknown };

interface PlainSection {
  channels?: Entry[] | null;
}

/**
 * The change in the plain values, which say what the text must mean afterwards, and in the text. Returns how many
 * entries are left to remove: the text gives up one at a time.
 */
function applyToValues(
  section: PlainSection,
  platform: string,
  edit: ChannelEdit,
  splicer: ChannelSplicer,
): number {
  const entries = section.channels ?? [];
  const identity = channelIdentity(platform, edit.name);
  const indexes = entries.flatMap((entry, index) =>
    channelIdentity(platform, entryName(entry)) === identity ? [index] : [],
  );
  const [first] = indexes;
  if (edit.action === 'add') {
    if (first !== undefined) throw new AlreadyThere(`${quote(edit.name)} is there already`);
    section.channels = [...entries, escapeFill(edit.name)];
    splicer.add(edit.name);
    return 0;
  }
  if (first === undefined) {
    const near = didYouMean(edit.name, entries.map(entryName));
    throw new EditRefusal(`${quote(edit.name)} is not among the channels${near}`);
  }
  if (edit.action === 'remove') {
    section.channels = entries.toSpliced(first, 1);
    splicer.remove(first);
    return indexes.length - 1;
  }
  section.channels = entries.map((entry, index) =>
    indexes.includes(index) ? withSetting(entry, edit.key, edit.value) : entry,
  );
  for (const index of indexes) splicer.set(index, edit.key, edit.value);
  return 0;
}

/** Without references shared through anchors: a change seen in two places must not look like one. */
function plainValues(doc: Document.Parsed): Record<string, unknown> {
  try {
    return JSON.parse(JSON.stringify(doc.toJS() ?? {}));
  } catch {
    throw new EditRefusal('too many aliases (*name) in the file; edit it by hand');
  }
}

/** The section that holds `channels`; created in the values where an addition needs it. */
function plainSection(
  root: Record<string, unknown>,
  path: readonly string[],
  edit: ChannelEdit,
): PlainSection {
  const [first, network] = path as [string, string | undefined];
  if (edit.action === 'add' && network === undefined) root[first] ??= {};
  const section =
    network === undefined ? (root[first] ?? {}) : (root[first] as Record<string, unknown> | null)?.[network];
  if (section === undefined || section === null) {
    throw new EditRefusal(
      `there is no IRC network ${quote(network!)} in the file; add it under "irc" with its host and nick`,
    );
  }
  if (typeof section !== 'object' || Array.isArray(section)) {
    throw new EditRefusal(`"${path.join('.')}" should be a mapping ("key: value" lines)`);
  }
  const { channels } = section as { channels?: unknown };
  if (channels === undefined || channels === null || Array.isArray(channels)) return section;
  throw new EditRefusal(`"${path.join('.')}.channels" should be a list`);
}

function entryName(entry: Entry | null): string {
  const text = String(typeof entry === 'object' && entry !== null ? entry.name : entry);
  return text.replaceAll('$${', () => '${');
}

function withSetting(entry: Entry, key: SettingKey, value: SettingValue | undefined): Entry {
  if (typeof entry !== 'object' || entry === null)
    return value === undefined ? entry : { name: entry, [key]: value };
  const { [key]: _old, ...rest } = entry;
  return value === undefined ? rest : { ...rest, [key]: value };
}
