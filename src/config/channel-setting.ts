import { z } from 'zod';
import { didYouMean } from './nearest-word.ts';
import { quote } from './problem.ts';
import { channelSettings } from './schema.ts';

export const SETTING_KEYS = [
  'enabled',
  'sampling_rate',
  'retention_days',
  'object_retention_days',
  'presence',
] as const;
export type SettingKey = (typeof SETTING_KEYS)[number];
export type SettingValue = boolean | number | 'forever';

export type ParsedSetting =
  | { ok: true; key: SettingKey; value: SettingValue | undefined }
  | { ok: false; problem: string };

const RIGHT: Readonly<Record<SettingKey, string>> = {
  enabled: 'true or false',
  sampling_rate: 'a number from 0 to 1',
  retention_days: 'a number of days greater than 0, or forever',
  object_retention_days: 'a number of days greater than 0, or forever',
  presence: 'true or false',
};

/** `sampling_rate=0.5`; nothing behind the `=` means: back to the default. */
export function parseSetting(text: string): ParsedSetting {
  const at = text.indexOf('=');
  if (at === -1)
    return { ok: false, problem: `found ${quote(text)}, should be key=value, for example sampling_rate=0.1` };
  const key = SETTING_KEYS.find((known) => known === text.slice(0, at));
  if (!key) {
    const typed = text.slice(0, at);
    const near = didYouMean(typed, SETTING_KEYS) || `; there are ${SETTING_KEYS.join(', ')}`;
    return { ok: false, problem: `unknown setting ${quote(typed)}${near}` };
  }
  const written = text.slice(at + 1);
  if (written === '') return { ok: true, key, value: undefined };
  const parsed = z.object(channelSettings).safeParse({ [key]: plainValue(written) });
  if (!parsed.success)
    return { ok: false, problem: `${key}: found ${quote(written)}, should be ${RIGHT[key]}` };
  return { ok: true, key, value: parsed.data[key] };
}

function plainValue(written: string): string | number | boolean {
  if (written === 'true' || written === 'false') return written === 'true';
  return /^\d*\.?\d+(?:e-?\d+)?$/i.test(written) ? Number(written) : written;
}
